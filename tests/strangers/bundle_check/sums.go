package main

import (
	"crypto"
	"crypto/sha1" // a SigningCertificate of RFC 2634 names its certificate so; it protects nothing alone
	"encoding/hex"
)

func sum(hash crypto.Hash, content []byte) []byte {
	state := hash.New()
	state.Write(content)
	return state.Sum(nil)
}

func sha1Of(content []byte) []byte {
	digest := sha1.Sum(content)
	return digest[:]
}

func sha256Hex(content []byte) string { return hex.EncodeToString(sum(crypto.SHA256, content)) }

func sha512Hex(content []byte) string { return hex.EncodeToString(sum(crypto.SHA512, content)) }
