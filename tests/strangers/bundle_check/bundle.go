package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Clocks of the service and of an authority may differ by this.
const apart = time.Minute

var (
	entryName  = regexp.MustCompile(`^journal/(0|[1-9][0-9]*)\.json$`)
	receptions = map[string]bool{"DepositReceived": true, "DepositRecovered": true}
)

// A entry is one of the journal, with its bytes.
type entry struct {
	n     int64
	raw   []byte
	value object
	at    time.Time
}

func (e *entry) kind() string { return text(e.value, "type") }

// A bundle is what is read on the way.
type bundle struct {
	files    map[string][]byte
	trust    *trustFile
	offered  []*x509.Certificate
	manifest object
	key      *logKey
	record   object
	entries  map[int64]*entry
	numbers  []int64
	// entries that say which others were made under a wrong clock
	corrections []object
	note        []byte // the checkpoint
	head        *proof // one that holds it
	moment      time.Time
	now         time.Time
	received    *entry
}

// check runs every check; those that need what an earlier one could not read say nothing.
func check(files map[string][]byte, trust *trustFile, now time.Time, result *report) {
	b := &bundle{files: files, trust: trust, entries: map[int64]*entry{}, now: now}
	result.line("1 files and manifest", b.checkManifest())
	if b.key == nil || b.manifest == nil {
		return
	}
	result.line("  journal", b.checkLog())
	result.line("3 entries under the checkpoint", b.readEntries())
	result.line("3 earlier journal", b.checkEarlier())
	stamp := b.checkToken()
	result.line("2 the seal over the log key", b.checkVoucher())
	result.line("5 time-stamp of the checkpoint", stamp)
	record, err := canonical(files["record.json"])
	if err != nil {
		result.line("3 record.json", []error{wrong("record.json: %v", err)})
		return
	}
	b.record = record
	result.line("3 entries and record.json", b.checkRecord())
	result.line("3 reception", b.checkReception())
	result.line("3 inventory.json", b.checkInventory())
	result.line("3 premis.json", b.checkEvents())
	result.line("4 representations", b.checkRepresentations())
	result.line("6 seal of the PDF", b.checkPdf())
	result.line("7 receipt", b.checkReceipt())
	result.line("8 custody", b.checkGone())
	if !b.moment.IsZero() {
		fmt.Printf("as of %s\n", b.moment.UTC().Format(time.RFC3339))
	}
}

func (b *bundle) checkManifest() (found []error) {
	raw, ok := b.files["manifest.json"]
	if !ok {
		return []error{wrong("manifest.json is missing")}
	}
	manifest, err := canonical(raw)
	if err != nil {
		return []error{wrong("manifest.json: %v", err)}
	}
	listed, _ := manifest["files"].(object)
	if _, told := manifest["content"].(bool); text(manifest, "type") != "evidence" || listed == nil || !told {
		return []error{wrong("manifest.json is no manifest of evidence")}
	}
	b.offered, b.manifest = offered(b.files), manifest
	probative, _ := manifest["probative"].(object)
	for _, name := range []string{"seal", "time"} {
		if _, told := probative[name]; !told {
			found = append(found, wrong("manifest.json has no word of whether the %s is probative", name))
		}
	}
	for name, content := range b.files {
		if name == "manifest.json" || name == "manifest.note" {
			continue
		}
		size, ok := number(listed, name, "size")
		if listed[name] == nil {
			found = append(found, wrong("%s is not in the manifest", name))
		} else if text(listed, name, "sha-256") != sha256Hex(content) || !ok || size != int64(len(content)) {
			found = append(found, wrong("%s is not what the manifest says", name))
		}
	}
	for name := range listed {
		if _, there := b.files[name]; !there || name == "manifest.json" || name == "manifest.note" {
			found = append(found, wrong("%s is missing", name))
		}
	}
	if b.key, err = parseKey(text(manifest, "log", "vkey")); err != nil {
		return append(found, err)
	}
	if b.key.origin != text(manifest, "log", "origin") {
		found = append(found, wrong("origin and vkey of the manifest differ"))
	}
	return append(found, b.checkNote(raw)...)
}

func (b *bundle) checkNote(manifest []byte) []error {
	body, err := b.key.open(b.files["manifest.note"])
	if err != nil {
		return []error{prefixed("manifest.note: ", err)}
	}
	signed, err := canonical([]byte(strings.TrimSuffix(body, "\n")))
	if err != nil {
		return []error{wrong("manifest.note: %v", err)}
	}
	if text(signed, "type") != "evidence" || text(signed, "sha-256") != sha256Hex(manifest) ||
		text(signed, "record") != text(b.manifest, "record") {
		return []error{wrong("manifest.note signs another manifest")}
	}
	return nil
}

func (b *bundle) checkLog() (found []error) {
	if b.key.line != b.trust.vkey || b.key.origin != b.trust.origin {
		found = append(found, unsure("logged by %s, not by %s, whom the reader named", b.key.line, b.trust.vkey))
	}
	return found
}

func (b *bundle) checkVoucher() []error {
	seal, err := parseMessage(b.files["journal/log-key.p7s"], b.offered)
	if err != nil {
		return []error{err}
	}
	if seal.content != nil || !seal.contentType.Equal(oidData) {
		return []error{wrong("the seal over the log key is not detached")}
	}
	return b.trust.judgeSeal(seal, []byte(b.key.line+"\n"), b.offered, b.moment, b.now)
}

// readEntries opens every entry and its proof, all under one checkpoint.
func (b *bundle) readEntries() (found []error) {
	for name, raw := range b.files {
		match := entryName.FindStringSubmatch(name)
		if match == nil || name == earlier {
			if strings.HasPrefix(name, "journal/") && !b.belongs(name) {
				found = append(found, wrong("%s should not be here", name))
			}
			continue
		}
		n, ok := decimal(match[1])
		value, err := canonical(raw)
		if !ok || err != nil {
			found = append(found, wrong("%s is no entry", name))
			continue
		}
		own, whole := number(value, "n")
		moment, err := moment(text(value, "at"))
		if !whole || own != int64(n) || err != nil {
			found = append(found, wrong("%s has another number, or no time", name))
			continue
		}
		opened, err := b.key.proof(b.files["journal/"+match[1]+".tlog-proof"])
		if err != nil {
			found = append(found, prefixed(name+": ", err))
			continue
		}
		if opened.index != n || !opened.includes(raw) {
			found = append(found, wrong("%s is not under the checkpoint", name))
		}
		if b.note != nil && !bytes.Equal(b.note, opened.checkpoint) {
			found = append(found, wrong("the proofs are under several checkpoints"))
		}
		b.note, b.head = opened.checkpoint, opened
		if text(value, "type") == "ClockCorrected" && text(value, "subject") == "log" {
			b.corrections = append(b.corrections, value)
			continue
		}
		b.entries[own] = &entry{own, raw, value, moment}
		b.numbers = append(b.numbers, own)
	}
	sort.Slice(b.numbers, func(i, j int) bool { return b.numbers[i] < b.numbers[j] })
	if len(b.numbers) == 0 {
		found = append(found, wrong("no entry of the journal"))
	}
	return found
}

func moment(text string) (time.Time, error) {
	const layout = "2006-01-02T15:04:05.000Z"
	found, err := time.Parse(layout, text)
	if err == nil && found.Format(layout) != text {
		err = wrong("%q is no moment", text)
	}
	return found, err
}

// belongs says whether a file beside the entries has its place in the folder.
func (b *bundle) belongs(name string) bool {
	entry, isProof := strings.CutSuffix(name, ".tlog-proof")
	_, there := b.files[entry+".json"]
	return name == earlier || name == "journal/checkpoint.tsr" || name == "journal/log-key.p7s" ||
		isProof && there && entryName.MatchString(entry+".json")
}

func (b *bundle) checkToken() (found []error) {
	if b.note == nil {
		return []error{wrong("there is no checkpoint")}
	}
	stamp, err := parseToken(b.files["journal/checkpoint.tsr"], b.note, b.offered)
	if err != nil {
		return []error{err}
	}
	b.moment = stamp.time
	if err := b.trust.judgeToken(stamp, b.offered); err != nil {
		found = append(found, err)
	}
	if stamp.time.After(b.now.Add(apart)) {
		found = append(found, unsure("the time-stamp is of the future"))
	}
	return append(found, b.checkClock(stamp.time)...)
}

// checkClock looks for entries whose time cannot be, and that no correction explains.
func (b *bundle) checkClock(stamped time.Time) (found []error) {
	var before time.Time
	for _, n := range b.numbers {
		if b.corrected(n) {
			continue
		}
		at := b.entries[n].at
		if at.After(stamped.Add(apart)) || at.Add(apart).Before(before) {
			found = append(found, unsure("entry %d was made under a wrong clock", n))
		}
		before = at
	}
	return found
}

func (b *bundle) corrected(n int64) bool {
	for _, one := range b.corrections {
		first, from := number(one, "facts", "first")
		last, to := number(one, "facts", "last")
		if from && to && first <= n && n <= last {
			return true
		}
	}
	return false
}
