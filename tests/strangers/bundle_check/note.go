package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// strict64 reads base64 of which no other form would mean the same.
func strict64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.StdEncoding.EncodeToString(raw) == text
}

// A logKey is what a vkey line says.
type logKey struct {
	line   string
	origin string
	id     []byte
	key    ed25519.PublicKey
}

func parseKey(line string) (*logKey, error) {
	parts := strings.SplitN(line, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \t\r\n") {
		return nil, wrong("%q is no vkey", line)
	}
	raw, ok := strict64(parts[2])
	id, err := hex.DecodeString(parts[1])
	if !ok || err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 1 || parts[1] != strings.ToLower(parts[1]) {
		return nil, wrong("%q is no vkey of an Ed25519 key", line)
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	if !bytes.Equal(digest[:4], id) {
		return nil, wrong("the key id of the vkey is not that of its key")
	}
	return &logKey{line, parts[0], id, raw[1:]}, nil
}

// open returns the text of a note that the key signed.
func (k *logKey) open(note []byte) (string, error) {
	if !utf8.Valid(note) || bytes.ContainsFunc(note, func(r rune) bool { return r < 0x20 && r != '\n' }) {
		return "", wrong("the note is no plain text")
	}
	whole := string(note)
	cut := strings.LastIndex(whole, "\n\n")
	if cut < 0 || !strings.HasSuffix(whole, "\n") || len(whole) == cut+2 {
		return "", wrong("the note has no signature")
	}
	signed, signed_by_us := whole[:cut+1], 0
	for _, line := range strings.Split(whole[cut+2:len(whole)-1], "\n") {
		rest, ok := strings.CutPrefix(line, "— ")
		name, encoded, parted := strings.Cut(rest, " ")
		raw, read := strict64(encoded)
		if !ok || !parted || name == "" || strings.Contains(name, "+") || !read || len(raw) < 4 {
			return "", wrong("a signature line of the note cannot be read")
		}
		if name != k.origin || !bytes.Equal(raw[:4], k.id) {
			continue // signed-note: signatures by unknown keys are ignored
		}
		if !ed25519.Verify(k.key, []byte(signed), raw[4:]) {
			return "", wrong("the signature of the note is false")
		}
		signed_by_us++
	}
	if signed_by_us != 1 {
		return "", wrong("the note is not signed by the log key")
	}
	return signed, nil
}

// decimal reads a number without leading zeroes.
func decimal(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return n, err == nil && strconv.FormatUint(n, 10) == text
}

// A proof is an opened tlog-proof.
type proof struct {
	index      uint64
	path       [][]byte
	checkpoint []byte // the note, byte for byte
	size       uint64
	root       []byte
}

func (k *logKey) proof(raw []byte) (*proof, error) {
	head, note, found := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, wrong("no tlog-proof")
	}
	made := &proof{checkpoint: note}
	index, ok := strings.CutPrefix(lines[1], "index ")
	if made.index, found = decimal(index); !ok || !found {
		return nil, wrong("the proof has no index")
	}
	for _, line := range lines[2:] {
		hash, ok := strict64(line)
		if !ok || len(hash) != sha256.Size {
			return nil, wrong("a hash of the proof cannot be read")
		}
		made.path = append(made.path, hash)
	}
	body, err := k.open(note)
	if err != nil {
		return nil, err
	}
	tree := strings.Split(body, "\n")
	if len(tree) != 4 || tree[0] != k.origin || tree[3] != "" {
		return nil, wrong("the checkpoint has not three lines, or another origin")
	}
	if made.size, ok = decimal(tree[1]); !ok {
		return nil, wrong("the size of the checkpoint cannot be read")
	}
	if made.root, ok = strict64(tree[2]); !ok || len(made.root) != sha256.Size {
		return nil, wrong("the root of the checkpoint cannot be read")
	}
	return made, nil
}

func leafHash(entry []byte) []byte {
	digest := sha256.Sum256(append([]byte{0}, entry...))
	return digest[:]
}

func nodeHash(left, right []byte) []byte {
	digest := sha256.Sum256(append(append([]byte{1}, left...), right...))
	return digest[:]
}

// includes checks an entry's path to the root (RFC 9162, 2.1.3.2, with RFC 6962's hashes).
func (p *proof) includes(entry []byte) bool {
	if p.index >= p.size {
		return false
	}
	node, last, hash := p.index, p.size-1, leafHash(entry)
	for _, sibling := range p.path {
		if last == 0 {
			return false
		}
		if node&1 == 1 || node == last {
			hash = nodeHash(sibling, hash)
			for node&1 == 0 && node != 0 {
				node, last = node>>1, last>>1
			}
		} else {
			hash = nodeHash(hash, sibling)
		}
		node, last = node>>1, last>>1
	}
	return last == 0 && bytes.Equal(hash, p.root)
}
