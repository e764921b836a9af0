package main

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// checkReceipt compares the receipt with its note, its entry and the record.
func (b *bundle) checkReceipt() (found []error) {
	served, err := parse(b.files["receipt.json"])
	if err != nil {
		return []error{wrong("receipt.json: %v", err)}
	}
	body, err := b.key.open([]byte(text(served, "note")))
	if err != nil {
		return []error{err}
	}
	line := []byte(strings.TrimSuffix(body, "\n"))
	receipt, err := canonical(line)
	if err != nil {
		return []error{wrong("the receipt: %v", err)}
	}
	if shown, err := write(nil, at(served, "receipt")); err != nil || !bytes.Equal(shown, line) {
		found = append(found, wrong("the receipt says something else than its note"))
	}
	one, original := b.received, b.representation("original")
	if one == nil || original == nil {
		return append(found, wrong("nothing says what was received"))
	}
	deposit := b.record["deposit"]
	if text(receipt, "type") != "receipt" || at(receipt, "deposit") != at(deposit, "id") || at(receipt, "entry") != at(one.value, "n") {
		found = append(found, wrong("the receipt is of another deposit"))
	}
	if text(receipt, "leaf") != hex.EncodeToString(leafHash(one.raw)) {
		found = append(found, wrong("the receipt is of another entry"))
	}
	if at(receipt, "sha-256") != at(original, "digests", "sha-256") || at(receipt, "sha-512") != at(original, "digests", "sha-512") ||
		at(receipt, "size") != original["size"] {
		found = append(found, wrong("the receipt is of other bytes"))
	}
	if at(receipt, "received_at") != at(deposit, "received_at") || at(receipt, "filename") != at(b.record, "filename") {
		found = append(found, wrong("the receipt has another moment or file name than record.json"))
	}
	found = append(found, agrees(one, text(receipt, "received_at"), text(receipt, "filename"), text(receipt, "tenant_name"), at(receipt, "salts"))...)
	named, _ := deposit.(object)
	for _, name := range []string{"tenant_name", "salts"} {
		here, _ := write(nil, named[name])
		there, _ := write(nil, at(receipt, name))
		if _, told := named[name]; told && !bytes.Equal(here, there) {
			found = append(found, wrong("the receipt has another %s than record.json", name))
		}
	}
	if salts, there := receipt["salts"]; there {
		if _, listed := salts.(object); !listed {
			found = append(found, wrong("the salts of the receipt cannot be read"))
		}
	}
	return append(found, b.checkServed(served, one)...)
}

// checkServed checks what comes with a receipt; earlier versions have none of it.
func (b *bundle) checkServed(served any, one *entry) (found []error) {
	whole, _ := served.(object)
	if _, carried := whole["entry"]; !carried {
		return nil
	}
	if text(served, "key") != b.key.line {
		found = append(found, wrong("the receipt carries another key"))
	}
	if text(served, "entry") != string(one.raw) {
		found = append(found, wrong("the receipt carries another entry"))
	}
	raw, published := at(served, "proof").(string)
	if !published {
		if at(served, "proof") != nil || text(served, "state") != "sequenced" {
			found = append(found, wrong("the receipt is published without proof"))
		}
		return found
	}
	opened, err := b.key.proof([]byte(raw))
	if err != nil {
		return append(found, prefixed("the proof of the receipt: ", err))
	}
	if opened.index != uint64(one.n) || !opened.includes(one.raw) || text(served, "state") != "published" {
		found = append(found, wrong("the proof of the receipt is of another entry"))
	}
	return found
}
