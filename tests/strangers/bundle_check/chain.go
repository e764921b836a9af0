package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"time"
)

const longestChain = 8

var (
	oidBasic    = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtended = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidPolicies = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	understood  = []asn1.ObjectIdentifier{oidBasic, oidUsage, oidExtended, oidPolicies, oidAltName}
)

const (
	ekuEmail      = "1.3.6.1.5.5.7.3.4"
	ekuDocuments  = "1.3.6.1.5.5.7.3.36"
	ekuAdobe      = "1.2.840.113583.1.1.5"
	ekuMicrosoft  = "1.3.6.1.4.1.311.10.3.12"
	ekuAny        = "2.5.29.37.0"
	ekuClientAuth = "1.3.6.1.5.5.7.3.2"
	ekuTime       = "1.3.6.1.5.5.7.3.8"
)

var signingUsages = map[string]bool{ekuEmail: true, ekuDocuments: true, ekuAdobe: true, ekuMicrosoft: true, ekuAny: true}

// A purpose is what the first certificate of a chain is used for.
type purpose int

const (
	documents purpose = iota
	timestamps
)

// extendedUsages returns the usages of a certificate; nil where there is no such extension.
func extendedUsages(certificate *x509.Certificate) (usages []string, critical bool) {
	for _, one := range certificate.Extensions {
		if !one.Id.Equal(oidExtended) {
			continue
		}
		usages, critical = []string{}, one.Critical
		var raw []asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(one.Value, &raw); err != nil {
			return []string{"unreadable"}, critical
		}
		for _, usage := range raw {
			usages = append(usages, usage.String())
		}
	}
	return usages, critical
}

func has(certificate *x509.Certificate, id asn1.ObjectIdentifier) bool {
	for _, one := range certificate.Extensions {
		if one.Id.Equal(id) {
			return true
		}
	}
	return false
}

// signerMay says whether a certificate may sign documents, or time-stamps.
func signerMay(certificate *x509.Certificate, why purpose, anchor bool) error {
	if certificate.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return unsure("key_usage: its certificate may not sign")
	}
	usages, critical := extendedUsages(certificate)
	if why == timestamps {
		if len(usages) != 1 || usages[0] != ekuTime || !critical {
			return unsure("key_usage: its certificate may not sign time-stamps")
		}
		return nil
	}
	if certificate.IsCA && !anchor {
		return unsure("key_usage: its certificate is an authority's")
	}
	if usages == nil {
		return nil
	}
	fits := false
	for _, usage := range usages {
		fits = fits || signingUsages[usage]
		if !signingUsages[usage] && usage != ekuClientAuth {
			return unsure("key_usage: its certificate is for something else (%s)", usage)
		}
	}
	if !fits {
		return unsure("key_usage: its certificate may not sign documents")
	}
	return nil
}

// issuerMay says whether a certificate may issue the others; below counts those between.
func issuerMay(certificate *x509.Certificate, why purpose, below int) error {
	if !certificate.BasicConstraintsValid || !certificate.IsCA {
		return unsure("untrusted_chain: an issuer is no authority")
	}
	if has(certificate, oidUsage) && certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
		return unsure("untrusted_chain: an issuer may not sign certificates")
	}
	limited := certificate.MaxPathLen > 0 || certificate.MaxPathLen == 0 && certificate.MaxPathLenZero
	if limited && below > certificate.MaxPathLen {
		return unsure("untrusted_chain: the chain is longer than an issuer allows")
	}
	usages, _ := extendedUsages(certificate)
	fits := usages == nil
	for _, usage := range usages {
		fits = fits || usage == ekuAny || why == timestamps && usage == ekuTime || why == documents && signingUsages[usage]
	}
	if !fits {
		return unsure("untrusted_chain: an issuer is for something else")
	}
	return nil
}

func strong(certificate *x509.Certificate) error {
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return unsure("weak_algorithm: RSA of %d bits", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Params().BitSize < 224 {
			return unsure("weak_algorithm: a curve of %d bits", key.Params().BitSize)
		}
	}
	switch certificate.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return unsure("weak_algorithm: %s", certificate.SignatureAlgorithm)
	}
	return nil
}

func standing(certificate *x509.Certificate, moment time.Time) error {
	for _, one := range certificate.Extensions {
		known := false
		for _, id := range understood {
			known = known || one.Id.Equal(id)
		}
		if one.Critical && !known {
			return unsure("untrusted_chain: critical extension %s is not understood", one.Id)
		}
	}
	if moment.Before(certificate.NotBefore) {
		return unsure("not_yet_valid: %s at %s", certificate.Subject, moment.Format(time.RFC3339))
	}
	if moment.After(certificate.NotAfter) {
		return unsure("expired: %s at %s", certificate.Subject, moment.Format(time.RFC3339))
	}
	return nil
}

// checkChain looks for a chain from the signer to one of the anchors that keeps every rule.
func checkChain(signer *x509.Certificate, offered, anchors []*x509.Certificate, why purpose, moment time.Time) error {
	isAnchor := false
	for _, anchor := range anchors {
		isAnchor = isAnchor || anchor.Equal(signer)
	}
	if err := signerMay(signer, why, isAnchor); err != nil {
		return err
	}
	return climb([]*x509.Certificate{signer}, offered, anchors, why, moment)
}

func climb(chain, offered, anchors []*x509.Certificate, why purpose, moment time.Time) error {
	last := chain[len(chain)-1]
	for _, anchor := range anchors {
		if anchor.Equal(last) {
			return judge(chain, why, moment)
		}
	}
	var first error
	if len(chain) == longestChain {
		return unsure("untrusted_chain: the chain is too long")
	}
	for _, issuer := range append(append([]*x509.Certificate{}, anchors...), offered...) {
		if !bytes.Equal(issuer.RawSubject, last.RawIssuer) || contains(chain, issuer) || !signedBy(last, issuer) {
			continue
		}
		err := climb(append(append([]*x509.Certificate{}, chain...), issuer), offered, anchors, why, moment)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = unsure("untrusted_chain: nothing leads from %q to a root that the reader trusts", last.Issuer)
	}
	return first
}

func contains(chain []*x509.Certificate, one *x509.Certificate) bool {
	for _, other := range chain {
		if other.Equal(one) {
			return true
		}
	}
	return false
}

func signedBy(certificate, issuer *x509.Certificate) bool {
	err := issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
	_, weak := err.(x509.InsecureAlgorithmError)
	return err == nil || weak // a weak one is said to be weak, below
}

func judge(chain []*x509.Certificate, why purpose, moment time.Time) error {
	below := 0
	for i, one := range chain {
		if err := standing(one, moment); err != nil {
			return err
		}
		if i < len(chain)-1 {
			if err := strong(one); err != nil {
				return err
			}
		}
		if i == 0 {
			continue
		}
		if err := issuerMay(one, why, below); err != nil {
			return err
		}
		if !bytes.Equal(one.RawSubject, one.RawIssuer) {
			below++
		}
	}
	return nil
}
