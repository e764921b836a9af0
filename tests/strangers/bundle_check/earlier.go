package main

import (
	"bytes"
	"crypto/sha256"
)

const earlier = "journal/consistency.json"

// checkEarlier checks that the journal extends an earlier state of it, where the bundle says so.
func (b *bundle) checkEarlier() []error {
	raw, there := b.files[earlier]
	if !there || b.head == nil {
		return nil
	}
	told, err := canonical(raw)
	if err != nil {
		return []error{wrong("%s: %v", earlier, err)}
	}
	from, _ := number(told, "from")
	to, _ := number(told, "to")
	root, ok := strict64(text(told, "root"))
	lines, listed := told["proof"].([]any)
	if text(told, "type") != "consistency" || to != int64(b.head.size) || from <= 0 || from >= to || !ok || !listed {
		return []error{wrong("%s is not about this checkpoint", earlier)}
	}
	path := [][]byte{}
	for _, line := range lines {
		encoded, _ := line.(string)
		hash, ok := strict64(encoded)
		if !ok || len(hash) != sha256.Size {
			return []error{wrong("a hash of %s cannot be read", earlier)}
		}
		path = append(path, hash)
	}
	if !extends(uint64(from), b.head.size, root, b.head.root, path) {
		return []error{wrong("the journal does not extend its earlier state")}
	}
	return nil
}

// extends checks a consistency proof (RFC 9162, 2.1.4.2).
func extends(from, to uint64, first, second []byte, path [][]byte) bool {
	if from&(from-1) == 0 {
		path = append([][]byte{first}, path...)
	}
	if len(path) == 0 {
		return false
	}
	node, last := from-1, to-1
	for node&1 == 1 {
		node, last = node>>1, last>>1
	}
	was, now := path[0], path[0]
	for _, sibling := range path[1:] {
		if last == 0 {
			return false
		}
		if node&1 == 1 || node == last {
			was, now = nodeHash(sibling, was), nodeHash(sibling, now)
			for node&1 == 0 && node != 0 {
				node, last = node>>1, last>>1
			}
		} else {
			now = nodeHash(now, sibling)
		}
		node, last = node>>1, last>>1
	}
	return last == 0 && bytes.Equal(was, first) && bytes.Equal(now, second)
}
