package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the table in docs/formats.md
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"time"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidTimestamp     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

var hashes = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// A signature algorithm with a hash of its own must name the same as the message.
var (
	rsaWith = map[string]crypto.Hash{
		"1.2.840.113549.1.1.11": crypto.SHA256, "1.2.840.113549.1.1.12": crypto.SHA384, "1.2.840.113549.1.1.13": crypto.SHA512,
	}
	ecdsaWith = map[string]crypto.Hash{
		"1.2.840.10045.4.3.2": crypto.SHA256, "1.2.840.10045.4.3.3": crypto.SHA384, "1.2.840.10045.4.3.4": crypto.SHA512,
	}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

type signedData struct {
	Version int
	Digests []pkix.AlgorithmIdentifier `asn1:"set"`
	Encap   struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version   int
	Sid       asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type essCert struct {
	Hash   []byte
	Issuer asn1.RawValue `asn1:"optional"`
}

type essCertV2 struct {
	Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
	Hash      []byte
	Issuer    asn1.RawValue `asn1:"optional"`
}

type signingCert struct {
	Certs    []essCert
	Policies asn1.RawValue `asn1:"optional"`
}

type signingCertV2 struct {
	Certs    []essCertV2
	Policies asn1.RawValue `asn1:"optional"`
}

type pssParameters struct {
	Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"`
	MGF     pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"`
	Salt    int                      `asn1:"explicit,tag:2,optional,default:20"`
	Trailer int                      `asn1:"explicit,tag:3,optional,default:1"`
}

type tstInfo struct {
	Version    int
	Policy     asn1.RawValue // its arcs may be larger than an int32
	Imprint    imprint
	Serial     *big.Int
	Time       asn1.RawValue
	Accuracy   asn1.RawValue `asn1:"optional"`
	Ordering   bool          `asn1:"optional"`
	Nonce      *big.Int      `asn1:"optional"`
	TSA        asn1.RawValue `asn1:"optional,explicit,tag:0"`
	Extensions asn1.RawValue `asn1:"optional,tag:1"`
}

type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// exactly decodes DER after which nothing follows.
func exactly(raw []byte, into any) error {
	rest, err := asn1.Unmarshal(raw, into)
	if err != nil {
		return wrong("DER cannot be read: %v", err)
	}
	if len(rest) > 0 {
		return wrong("something follows the DER")
	}
	return nil
}

// A signed message is an opened CMS SignedData with one signer.
type message struct {
	content      []byte // encapsulated; nil when detached
	contentType  asn1.ObjectIdentifier
	certificates []*x509.Certificate
	info         signerInfo
	attributes   map[string][]byte // signed: type to the one value, DER
	unsigned     map[string][]byte
	signer       *x509.Certificate
	lacking      bool // a certificate is on a curve that is not known here: it may be the signer's
}

// parseMessage opens CMS; certificates from elsewhere may be its signer's too.
func parseMessage(raw []byte, known []*x509.Certificate) (*message, error) {
	var outer contentInfo
	if err := exactly(raw, &outer); err != nil {
		return nil, err
	}
	if !outer.Type.Equal(oidSignedData) {
		return nil, wrong("no CMS SignedData")
	}
	var body signedData
	if err := exactly(outer.Content.Bytes, &body); err != nil {
		return nil, err
	}
	if len(body.Signers) != 1 {
		return nil, wrong("not one signer but %d", len(body.Signers))
	}
	made := &message{contentType: body.Encap.Type, info: body.Signers[0]}
	if len(body.Encap.Content.Bytes) > 0 {
		if err := exactly(body.Encap.Content.Bytes, &made.content); err != nil {
			return nil, err
		}
	}
	rest := body.Certificates.Bytes
	for len(rest) > 0 {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, wrong("a certificate of the signature cannot be read")
		}
		certificate, err := x509.ParseCertificate(one.FullBytes)
		if err == nil {
			made.certificates = append(made.certificates, certificate)
		} else if strings.Contains(err.Error(), "unsupported elliptic curve") {
			made.lacking = true // Brainpool: not in Go's own library
		}
	}
	among := known
	if len(body.Certificates.Bytes) > 0 {
		among = made.certificates
	}
	made.certificates = append(made.certificates, known...)
	var err error
	if made.attributes, err = parseAttributes(made.info.Signed.Bytes); err != nil {
		return nil, err
	}
	if made.unsigned, err = parseAttributes(made.info.Unsigned.Bytes); err != nil {
		return nil, err
	}
	return made, made.findSigner(among)
}

func parseAttributes(raw []byte) (map[string][]byte, error) {
	found := map[string][]byte{}
	for len(raw) > 0 {
		var one attribute
		var err error
		if raw, err = asn1.Unmarshal(raw, &one); err != nil {
			return nil, wrong("an attribute of the signature cannot be read")
		}
		name := one.Type.String()
		if _, twice := found[name]; twice {
			return nil, wrong("attribute %s stands twice", name)
		}
		found[name] = one.Values.Bytes
	}
	return found, nil
}

// findSigner looks for the signer's certificate: in the message, or elsewhere if it carries none.
func (m *message) findSigner(among []*x509.Certificate) error {
	var sid issuerAndSerial
	if err := exactly(m.info.Sid.FullBytes, &sid); err != nil {
		return err
	}
	for _, one := range among {
		if bytes.Equal(one.RawIssuer, sid.Issuer.FullBytes) && one.SerialNumber.Cmp(sid.Serial) == 0 {
			m.signer = one
			return nil
		}
	}
	if m.lacking {
		return unsure("a curve that is not known here")
	}
	return wrong("the signature does not carry its signer's certificate")
}

// verify checks digest, attributes and signature over the content.
func (m *message) verify(content []byte) error {
	hash, known := hashes[m.info.Digest.Algorithm.String()]
	if !known {
		return wrong("digest algorithm %s is not accepted", m.info.Digest.Algorithm)
	}
	if len(m.info.Signed.Bytes) == 0 {
		return wrong("the signature has no signed attributes")
	}
	var digest []byte
	if err := exactly(m.attributes[oidMessageDigest.String()], &digest); err != nil {
		return wrong("the signature has no message digest")
	}
	if !bytes.Equal(digest, sum(hash, content)) {
		return wrong("the signature is over other bytes")
	}
	var kind asn1.ObjectIdentifier
	if err := exactly(m.attributes[oidContentType.String()], &kind); err != nil || !kind.Equal(m.contentType) {
		return wrong("the signature is of another type of content")
	}
	if err := m.checkReference(); err != nil {
		return err
	}
	signed := bytes.Clone(m.info.Signed.FullBytes)
	signed[0] = 0x31 // RFC 5652, 5.4: as SET OF
	return m.checkSignature(hash, sum(hash, signed))
}

// checkReference compares the signed reference to the signer's certificate.
func (m *message) checkReference() error {
	if raw, ok := m.attributes[oidSigningCertV2.String()]; ok {
		var reference signingCertV2
		if err := exactly(raw, &reference); err != nil || len(reference.Certs) == 0 {
			return wrong("the reference to the signer's certificate cannot be read")
		}
		hash := crypto.SHA256
		if name := reference.Certs[0].Algorithm.Algorithm; len(name) > 0 {
			var known bool
			if hash, known = hashes[name.String()]; !known {
				return wrong("digest algorithm %s is not accepted", name)
			}
		}
		if !bytes.Equal(reference.Certs[0].Hash, sum(hash, m.signer.Raw)) {
			return wrong("the signature is by another certificate than it names")
		}
		return nil
	}
	if raw, ok := m.attributes[oidSigningCert.String()]; ok {
		var reference signingCert
		if err := exactly(raw, &reference); err != nil || len(reference.Certs) == 0 {
			return wrong("the reference to the signer's certificate cannot be read")
		}
		if !bytes.Equal(reference.Certs[0].Hash, sha1Of(m.signer.Raw)) {
			return wrong("the signature is by another certificate than it names")
		}
		return nil
	}
	return wrong("the signature does not name its certificate")
}

func (m *message) checkSignature(hash crypto.Hash, digest []byte) error {
	false_ := wrong("the signature is false")
	name := m.info.Algorithm.Algorithm
	switch key := m.signer.PublicKey.(type) {
	case *rsa.PublicKey:
		if name.Equal(oidPSS) {
			salt, err := m.pss(hash)
			if err != nil {
				return err
			}
			if rsa.VerifyPSS(key, hash, digest, m.info.Signature, &rsa.PSSOptions{SaltLength: salt, Hash: hash}) != nil {
				return false_
			}
			return nil
		}
		if with, known := rsaWith[name.String()]; !name.Equal(oidRSA) && (!known || with != hash) {
			return wrong("signature algorithm %s is not accepted", name)
		}
		if rsa.VerifyPKCS1v15(key, hash, digest, m.info.Signature) != nil {
			return false_
		}
		return nil
	case *ecdsa.PublicKey:
		if with, known := ecdsaWith[name.String()]; !known || with != hash {
			return wrong("signature algorithm %s is not accepted", name)
		}
		if !ecdsa.VerifyASN1(key, digest, m.info.Signature) {
			return false_
		}
		return nil
	}
	return wrong("the signer's kind of key is not accepted")
}

// pss returns the length of the salt; the hash of both parts must be the message's own.
func (m *message) pss(hash crypto.Hash) (int, error) {
	var parameters pssParameters
	if exactly(m.info.Algorithm.Parameters.FullBytes, &parameters) != nil {
		return 0, wrong("the parameters of RSASSA-PSS cannot be read")
	}
	var inner pkix.AlgorithmIdentifier
	if !parameters.MGF.Algorithm.Equal(oidMGF1) || exactly(parameters.MGF.Parameters.FullBytes, &inner) != nil {
		return 0, wrong("RSASSA-PSS without MGF1 is not accepted")
	}
	if hashes[parameters.Hash.Algorithm.String()] != hash || hashes[inner.Algorithm.String()] != hash || parameters.Trailer != 1 {
		return 0, wrong("RSASSA-PSS with another hash than the message's is not accepted")
	}
	return parameters.Salt, nil
}

// A token is an opened RFC 3161 time-stamp whose signature holds.
type token struct {
	message *message
	time    time.Time
}

// parseToken opens a token and checks that it is over these bytes.
func parseToken(raw, content []byte, offered []*x509.Certificate) (*token, error) {
	opened, err := parseMessage(raw, offered)
	if err != nil {
		return nil, err
	}
	if !opened.contentType.Equal(oidTSTInfo) || opened.content == nil {
		return nil, wrong("no time-stamp")
	}
	var info tstInfo
	if err := exactly(opened.content, &info); err != nil {
		return nil, err
	}
	hash, known := hashes[info.Imprint.Algorithm.Algorithm.String()]
	if !known {
		return nil, wrong("digest algorithm %s is not accepted", info.Imprint.Algorithm.Algorithm)
	}
	if !bytes.Equal(info.Imprint.Digest, sum(hash, content)) {
		return nil, wrong("the time-stamp is over other bytes")
	}
	if err := opened.verify(opened.content); err != nil {
		return nil, err
	}
	if usages, critical := extendedUsages(opened.signer); len(usages) != 1 || usages[0] != ekuTime || !critical {
		return nil, wrong("the time-stamp is by a certificate that is not for time-stamps")
	}
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z"} {
		if moment, err := time.Parse(layout, string(info.Time.Bytes)); err == nil && info.Time.Tag == asn1.TagGeneralizedTime {
			return &token{opened, moment}, nil
		}
	}
	return nil, wrong("the time of the time-stamp cannot be read")
}
