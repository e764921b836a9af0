package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"regexp"
	"strconv"
)

var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s*\]`)

// tail is where a seal is looked for: it is the last thing that was added.
const tail = 4 << 20

// pdfRange returns the one byte range that ends where the file ends; ok is false without any.
func pdfRange(pdf []byte) (found [4]int, ok bool, err error) {
	for _, match := range byteRange.FindAllSubmatch(pdf[max(0, len(pdf)-tail):], -1) {
		var at [4]int
		for i := range at {
			at[i], _ = strconv.Atoi(string(match[i+1]))
		}
		if at[2]+at[3] != len(pdf) {
			continue
		}
		if ok {
			return at, true, wrong("the PDF has several seals over the whole file")
		}
		found, ok = at, true
	}
	return found, ok, nil
}

// pdfSeal returns the signature in the gap of a byte range, and the bytes that it covers.
func pdfSeal(pdf []byte, at [4]int, known []*x509.Certificate) (*message, []byte, error) {
	if at[0] != 0 || at[1] > at[2] || at[2] > len(pdf) {
		return nil, nil, wrong("the seal of the PDF does not cover the whole file")
	}
	gap := pdf[at[1]:at[2]]
	if len(gap) < 4 || gap[0] != '<' || gap[len(gap)-1] != '>' {
		return nil, nil, wrong("the seal of the PDF leaves out other bytes than itself")
	}
	padded := make([]byte, hex.DecodedLen(len(gap)-2))
	if _, err := hex.Decode(padded, gap[1:len(gap)-1]); err != nil {
		return nil, nil, wrong("the seal of the PDF is not in hexadecimal")
	}
	raw, err := unpadded(padded)
	if err != nil {
		return nil, nil, err
	}
	seal, err := parseMessage(raw, known)
	return seal, append(bytes.Clone(pdf[:at[1]]), pdf[at[2]:]...), err
}

// unpadded cuts the zeroes after a DER value; anything else after it is refused.
func unpadded(padded []byte) ([]byte, error) {
	length, header := 0, 2
	if len(padded) < 2 || padded[0] != 0x30 {
		return nil, wrong("the seal of the PDF is no CMS")
	}
	if length = int(padded[1]); length > 0x80 {
		header, length = 2+int(padded[1])-0x80, 0
		for i := 2; i < header && i < len(padded) && header <= 6; i++ {
			length = length<<8 | int(padded[i])
		}
	}
	if header+length > len(padded) || len(bytes.Trim(padded[header+length:], "\x00")) > 0 {
		return nil, wrong("the seal of the PDF has other bytes after it")
	}
	return padded[:header+length], nil
}
