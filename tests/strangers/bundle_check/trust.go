package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"
)

var digest256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// A trustFile says whom the reader expects (docs/formats.md, section 5).
type trustFile struct {
	origin, vkey string
	seals        map[string]bool // SHA-256 of certificates
	sealRoots    []*x509.Certificate
	timeRoots    []*x509.Certificate
}

func readTrust(path string) (*trustFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if text(found, "type") != "trust" || at(found, "v") != json.Number("1") {
		return nil, errors.New("no trust file")
	}
	made := &trustFile{text(found, "log", "origin"), text(found, "log", "vkey"), map[string]bool{}, nil, nil}
	if made.origin == "" || !strings.HasPrefix(made.vkey, made.origin+"+") {
		return nil, errors.New("it names no log")
	}
	seals, _ := at(found, "seals").([]any)
	for _, one := range seals {
		if !digest256.MatchString(text(one, "sha-256")) {
			return nil, errors.New("a seal has no digest")
		}
		made.seals[text(one, "sha-256")] = true
	}
	if len(seals) == 0 {
		return nil, errors.New("it names no seal")
	}
	if made.sealRoots, err = certificatesOf(at(found, "seal_roots")); err != nil {
		return nil, err
	}
	made.timeRoots, err = certificatesOf(at(found, "timestamp_roots"))
	return made, err
}

func certificatesOf(value any) (made []*x509.Certificate, err error) {
	list, ok := value.([]any)
	if !ok {
		return nil, errors.New("a list of roots is missing")
	}
	for _, one := range list {
		raw, ok := strict64(text(one, "certificate"))
		if !ok {
			return nil, errors.New("a root cannot be read")
		}
		certificate, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, err
		}
		made = append(made, certificate)
	}
	return made, nil
}

// sealAnchors returns the roots of seals; without any, the named certificate is its own.
func (t *trustFile) sealAnchors(signer *x509.Certificate) []*x509.Certificate {
	if len(t.sealRoots) == 0 && t.seals[sha256Hex(signer.Raw)] {
		return []*x509.Certificate{signer}
	}
	return t.sealRoots
}

// offered returns the certificates of a bundle's folder, one in each file; what cannot be read is passed over.
func offered(files map[string][]byte) (made []*x509.Certificate) {
	names := []string{}
	for name := range files {
		if strings.HasPrefix(name, "certificates/") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		block, _ := pem.Decode(files[name])
		if block == nil || block.Type != "CERTIFICATE" {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			made = append(made, certificate)
		}
	}
	return made
}

// judgeToken checks who made a time-stamp.
func (t *trustFile) judgeToken(made *token, bundle []*x509.Certificate) error {
	return checkChain(made.message.signer, append(made.message.certificates, bundle...), t.timeRoots, timestamps, made.time)
}

// judgeSeal checks a CMS seal over content: its bytes, its own time-stamp, its chain, its holder.
func (t *trustFile) judgeSeal(seal *message, content []byte, bundle []*x509.Certificate, otherwise, now time.Time) (found []error) {
	if err := seal.verify(content); err != nil {
		return []error{err}
	}
	moment := otherwise
	if raw, ok := seal.unsigned[oidTimestamp.String()]; ok {
		stamp, err := parseToken(raw, seal.info.Signature, bundle)
		if err != nil {
			return []error{prefixed("its time-stamp: ", err)}
		}
		if stamp.time.After(now.Add(apart)) {
			found = append(found, unsure("its time-stamp is of the future"))
		}
		if err := t.judgeToken(stamp, bundle); err != nil {
			found = append(found, prefixed("its time-stamp: ", err))
		}
		moment = stamp.time
	}
	if moment.IsZero() {
		found = append(found, unsure("nothing says when it was made"))
	} else if err := checkChain(seal.signer, append(seal.certificates, bundle...), t.sealAnchors(seal.signer), documents, moment); err != nil {
		found = append(found, err)
	}
	if !t.seals[sha256Hex(seal.signer.Raw)] {
		found = append(found, unsure("sealed by %q, whom the reader did not name", seal.signer.Subject))
	}
	return found
}

func prefixed(before string, err error) error {
	if one, ok := err.(finding); ok {
		return finding{one.verdict, before + one.text}
	}
	return finding{altered, before + err.Error()}
}
