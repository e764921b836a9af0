package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// representation returns the record's form of a kind; nil where it has none.
func (b *bundle) representation(kind string) object {
	list, _ := b.record["representations"].([]any)
	for _, one := range list {
		if text(one, "kind") == kind {
			return one.(object)
		}
	}
	return nil
}

func (b *bundle) digest(kind string) any {
	if form := b.representation(kind); form != nil {
		return at(form, "digests", "sha-256")
	}
	return nil
}

// checkRecord compares record.json with the entries about it and its deposit.
func (b *bundle) checkRecord() (found []error) {
	record, deposit := text(b.record, "record"), text(b.record, "deposit", "id")
	if record == "" || record != text(b.manifest, "record") {
		found = append(found, wrong("record.json is about another record than the manifest"))
	}
	var last *entry
	kept := map[string]any{}
	for _, n := range b.numbers {
		one := b.entries[n]
		subject := text(one.value, "subject")
		if subject != "record:"+record && subject != "deposit:"+deposit {
			found = append(found, wrong("entry %d is about something else", n))
			continue
		}
		facts, _ := at(one.value, "facts").(object)
		if _, told := facts["inventory"]; !told {
			continue
		}
		last = one
		for _, kind := range []string{"original", "archival", "text", "redacted"} {
			if digest, told := facts[kind]; told {
				kept[kind] = digest
			}
		}
	}
	if last == nil {
		return append(found, wrong("no entry says that the record was kept"))
	}
	for kind, digest := range kept {
		if digest != b.digest(kind) {
			found = append(found, wrong("the entries have another %s", kind))
		}
	}
	if _, told := kept["archival"]; !told && b.digest("archival") != nil {
		found = append(found, wrong("no entry has the archival form"))
	}
	if text(last.value, "facts", "record") != sha256Hex(b.files["record.json"]) {
		found = append(found, wrong("record.json is not what entry %d says", last.n))
	}
	if text(last.value, "facts", "inventory") != sha512Hex(b.files["inventory.json"]) {
		found = append(found, wrong("inventory.json is not what entry %d says", last.n))
	}
	revision := at(last.value, "facts", "revision")
	if revision == nil {
		revision = json.Number("1") // RecordKept: the first
	}
	if revision != b.record["revision"] {
		found = append(found, wrong("record.json is another revision than entry %d says", last.n))
	}
	return found
}

func (b *bundle) checkReception() (found []error) {
	for _, n := range b.numbers {
		if !receptions[b.entries[n].kind()] {
			continue
		}
		if b.received != nil {
			return []error{wrong("the deposit was received twice")}
		}
		b.received = b.entries[n]
	}
	one := b.received
	if one == nil || text(one.value, "subject") != "deposit:"+text(b.record, "deposit", "id") {
		return []error{wrong("the entry of the deposit is missing")}
	}
	if n, _ := number(b.record, "deposit", "entry"); one.kind() == "DepositReceived" && n != one.n {
		found = append(found, wrong("record.json names another entry of its deposit"))
	}
	original, facts := b.representation("original"), at(one.value, "facts")
	if original == nil || at(facts, "sha-256") != at(original, "digests", "sha-256") ||
		at(facts, "sha-512") != at(original, "digests", "sha-512") || at(facts, "size") != original["size"] {
		found = append(found, wrong("entry %d received other bytes", one.n))
	}
	return found
}

// agrees compares moment and names with an entry that has them.
func agrees(one *entry, received, filename, tenant string, salts any) (found []error) {
	facts, _ := at(one.value, "facts").(object)
	if told, there := facts["received_at"]; there && told != received {
		found = append(found, wrong("entry %d was received at another time", one.n))
	}
	for name, value := range map[string]string{"filename": filename, "tenant_name": tenant} {
		told, there := facts[name]
		if there != (at(salts, name) != nil) {
			found = append(found, wrong("entry %d and the salts differ in whether the %s is digested", one.n, name))
		}
		if !there {
			continue
		}
		salted, _ := write(nil, object{name: value, "salt": text(salts, name), "v": json.Number("1")})
		if told != sha256Hex(salted) {
			found = append(found, wrong("entry %d has another %s", one.n, name))
		}
	}
	return found
}

// checkInventory compares the OCFL inventory with what the record and the bundle hold.
func (b *bundle) checkInventory() (found []error) {
	value, err := parse(b.files["inventory.json"])
	if err != nil {
		return []error{wrong("inventory.json: %v", err)}
	}
	if text(value, "id") != "urn:uuid:"+text(b.record, "record") {
		found = append(found, wrong("inventory.json is of another object"))
	}
	state, _ := at(value, "versions", text(value, "head"), "state").(object)
	digests := map[string]string{}
	for digest, names := range state {
		list, _ := names.([]any)
		for _, name := range list {
			digests[fmt.Sprint(name)] = strings.ToLower(digest)
		}
	}
	list, _ := b.record["representations"].([]any)
	for _, form := range list {
		if name := text(form, "name"); name == "" || digests[name] != text(form, "digests", "sha-512") {
			found = append(found, wrong("inventory.json has not this %s", text(form, "kind")))
		}
	}
	for name, content := range b.files {
		logical := name
		if name == "record.json" || name == "premis.json" {
			logical = "metadata/" + name
		} else if !strings.HasPrefix(name, "reports/") {
			continue
		}
		if digests[logical] != sha512Hex(content) {
			found = append(found, wrong("inventory.json has not this %s", name))
		}
	}
	return found
}

// checkEvents compares premis.json with the entries that it names.
func (b *bundle) checkEvents() (found []error) {
	premis, err := canonical(b.files["premis.json"])
	if err != nil {
		return []error{wrong("premis.json: %v", err)}
	}
	if text(premis, "object") != "urn:uuid:"+text(b.record, "record") {
		found = append(found, wrong("premis.json is about another record"))
	}
	lost := b.lostFrom()
	events, listed := premis["events"].([]any)
	if !listed {
		found = append(found, wrong("premis.json lists no events"))
	}
	for _, event := range events {
		n, ok := number(event, "entry")
		if ok && lost >= 0 && n >= lost {
			continue // its number may be another entry's since
		}
		if hasNull(event, "entry") && hasNull(event, "journal_type") {
			continue // a stage of record.json that the journal had no entry of
		}
		one := b.entries[n]
		if !ok || one == nil {
			found = append(found, wrong("premis.json names entry %d, which is not here", n))
			continue
		}
		if text(event, "journal_type") != one.kind() || at(event, "at") != at(one.value, "at") || at(event, "agent") != at(one.value, "agent") {
			found = append(found, wrong("premis.json says something else of entry %d", n))
		}
	}
	return found
}

func hasNull(value any, name string) bool {
	inner, _ := value.(object)
	found, there := inner[name]
	return there && found == nil
}

// lostFrom returns the first number that was lost with a database; -1 where none was.
func (b *bundle) lostFrom() int64 {
	lost := int64(-1)
	for _, n := range b.numbers {
		if after, ok := number(b.entries[n].value, "facts", "after"); ok && (lost < 0 || after < lost) {
			lost = after
		}
	}
	return lost
}

func (b *bundle) checkRepresentations() (found []error) {
	content, expected := b.manifest["content"] == true, map[string]bool{}
	list, _ := b.record["representations"].([]any)
	kinds := map[string]bool{}
	for _, form := range list {
		kind, isText := at(form, "kind").(string)
		if !isText || kinds[kind] {
			found = append(found, wrong("a form has no kind, or another's: %q", kind))
		}
		name := "representations/" + kind + path.Ext(text(form, "name"))
		kinds[kind], expected[name] = true, true
		if !content {
			continue
		}
		raw, there := b.files[name]
		size, _ := number(form, "size")
		if !there || size != int64(len(raw)) || text(form, "digests", "sha-256") != sha256Hex(raw) || text(form, "digests", "sha-512") != sha512Hex(raw) {
			found = append(found, wrong("%s is not what record.json says", kind))
		}
	}
	for name := range b.files {
		if strings.HasPrefix(name, "representations/") && (!content || !expected[name]) {
			found = append(found, wrong("%s should not be here", name))
		}
	}
	return found
}

func (b *bundle) checkPdf() []error {
	form := b.representation("archival")
	if form == nil || b.manifest["content"] != true {
		return nil
	}
	pdf := b.files["representations/archival"+path.Ext(text(form, "name"))]
	at, there, err := pdfRange(pdf)
	if err != nil {
		return []error{err}
	}
	if !there {
		if text(b.record, "verdicts", "seal", "verdict") == "valid" {
			return []error{wrong("the PDF has no seal over the whole file")}
		}
		return nil
	}
	seal, covered, err := pdfSeal(pdf, at, b.offered)
	if err != nil {
		return []error{err}
	}
	return b.trust.judgeSeal(seal, covered, b.offered, b.moment, b.now)
}

func (b *bundle) checkGone() []error {
	var last *entry
	for _, n := range b.numbers {
		if kind := b.entries[n].kind(); kind == "RecordDisposed" || kind == "RecordTransferred" {
			last = b.entries[n]
		}
	}
	certificate, there := b.files["certificate.json"]
	if last != nil && (!there || text(last.value, "facts", "certificate") != sha256Hex(certificate)) {
		return []error{wrong("entry %d says that the record is gone, and its certificate is not here", last.n)}
	}
	return nil
}
