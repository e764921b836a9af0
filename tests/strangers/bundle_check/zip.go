package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// What docs/formats.md, section 4, says of the zip, read by hand: a library forgives other things.
const (
	endSize, directorySize, localSize = 22, 46, 30
	newestVersion                     = 63
	refusedFlags                      = 1 | 1<<5 | 1<<6 // encrypted, patched, strongly encrypted
)

func loadZip(raw []byte) (map[string][]byte, error) {
	if len(raw) < endSize || !bytes.HasPrefix(raw, []byte("PK\x03\x04")) {
		return nil, wrong("no zip, or something before its first member")
	}
	end := raw[len(raw)-endSize:]
	short := func(at int) int { return int(binary.LittleEndian.Uint16(end[at:])) }
	long := func(at int) int { return int(binary.LittleEndian.Uint32(end[at:])) }
	count, size, start := short(10), long(12), long(16)
	if !bytes.HasPrefix(end, []byte("PK\x05\x06")) || short(20) != 0 {
		return nil, wrong("something follows the zip")
	}
	if short(4) != 0 || short(6) != 0 || short(8) != count || start+size != len(raw)-endSize {
		return nil, wrong("the end of the zip contradicts its directory")
	}
	found, total := map[string][]byte{}, 0
	directory := raw[start : start+size]
	for ; len(directory) > 0; count-- {
		member, rest, err := readMember(raw, directory)
		if err != nil {
			return nil, err
		}
		if _, twice := found[member.name]; twice || strings.HasSuffix(member.name, "/") {
			return nil, wrong("%q stands twice in the zip, or is a folder", member.name)
		}
		found[member.name], directory = member.content, rest
		total += len(member.content)
	}
	if count != 0 || total > len(raw) {
		return nil, wrong("members of the zip are miscounted, or overlap")
	}
	return found, nil
}

type member struct {
	name    string
	content []byte
}

// readMember reads the first line of the directory, and the member that it names.
func readMember(raw, directory []byte) (*member, []byte, error) {
	if len(directory) < directorySize || !bytes.HasPrefix(directory, []byte("PK\x01\x02")) {
		return nil, nil, wrong("the directory of the zip cannot be read")
	}
	short := func(at int) int { return int(binary.LittleEndian.Uint16(directory[at:])) }
	long := func(at int) int { return int(binary.LittleEndian.Uint32(directory[at:])) }
	nameEnd := directorySize + short(28)
	lineEnd := nameEnd + short(30) + short(32)
	if lineEnd > len(directory) {
		return nil, nil, wrong("the directory of the zip cannot be read")
	}
	name := string(directory[directorySize:nameEnd])
	if int(directory[6]) > newestVersion || short(8)&refusedFlags != 0 || short(10) != 0 || long(20) != long(24) {
		return nil, nil, wrong("%q is not stored as it is", name)
	}
	content, err := readLocal(raw, name, long(42), long(20))
	if err != nil {
		return nil, nil, err
	}
	if crc32.ChecksumIEEE(content) != binary.LittleEndian.Uint32(directory[16:]) {
		return nil, nil, wrong("%q has another checksum", name)
	}
	return &member{name, content}, directory[lineEnd:], nil
}

// readLocal returns the bytes of a member after its own header.
func readLocal(raw []byte, name string, start, size int) ([]byte, error) {
	if start+localSize > len(raw) || !bytes.HasPrefix(raw[start:], []byte("PK\x03\x04")) {
		return nil, wrong("%q is not where the zip says", name)
	}
	nameStart := start + localSize
	nameEnd := nameStart + int(binary.LittleEndian.Uint16(raw[start+26:]))
	content := nameEnd + int(binary.LittleEndian.Uint16(raw[start+28:]))
	if content+size > len(raw) || string(raw[nameStart:nameEnd]) != name {
		return nil, wrong("%q has another name in the zip, or is cut off", name)
	}
	return raw[content : content+size], nil
}
