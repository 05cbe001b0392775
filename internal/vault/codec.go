package vault

import (
	"encoding/binary"
	"strconv"
	"time"
)

// The index is a row of entries, each a section byte and a body after its
// length; a record's body is a row of fields, each a tag byte and a value after
// its length. Whatever a later version adds is kept as it is. The strings of a
// decoded record are pieces of one copy of its body.
const (
	sectionRecord   = 'R'
	sectionIssued   = 'I'
	sectionAllowOrg = 'A'
)

// Tags of a record's fields. They are part of the file format: never reuse one.
const (
	tagID          = 1
	tagKind        = 2
	tagHost        = 3
	tagOrg         = 4
	tagPath        = 5
	tagAccount     = 6
	tagAuthType    = 7
	tagServerID    = 8
	tagName        = 9
	tagScopes      = 10
	tagCreated     = 11
	tagExpires     = 12
	tagVerified    = 13
	tagSuspect     = 14
	tagPredecessor = 15
	tagSealed      = 16
	tagTenant      = 17
	tagReason      = 18
	tagUntil       = 19
	tagDue         = 20
	tagTries       = 21
	tagPublicKey   = 22
	lastTag        = tagPublicKey
)

func encodeIndex(r *Records) []byte {
	var b, body []byte
	for i := range r.List {
		body = encodeRecord(body[:0], &r.List[i])
		b = appendEntry(b, sectionRecord, body)
	}
	for _, i := range r.Issued {
		body = appendBytes(body[:0], i.Hash)
		body = appendTime(body, i.Expires)
		b = appendEntry(b, sectionIssued, body)
	}
	for _, org := range r.AllowOrg {
		b = appendEntry(b, sectionAllowOrg, []byte(org))
	}
	return append(b, r.extra...)
}

func appendEntry(b []byte, section byte, body []byte) []byte {
	return appendBytes(append(b, section), string(body))
}

func encodeRecord(b []byte, r *Record) []byte {
	text := func(tag byte, present bool, s string) {
		if present {
			b = appendBytes(append(b, tag), s)
		}
	}
	moment := func(tag byte, t time.Time) {
		if !t.IsZero() {
			text(tag, true, strconv.FormatInt(t.Unix(), 10))
		}
	}
	text(tagID, true, r.ID)
	text(tagKind, true, string(r.Kind))
	text(tagHost, true, r.Host)
	text(tagOrg, r.Org != "", r.Org)
	text(tagPath, r.HasPath, r.Path)
	text(tagAccount, r.HasAccount, r.Account)
	text(tagAuthType, r.AuthType != "", r.AuthType)
	text(tagServerID, r.ServerID != "", r.ServerID)
	text(tagName, r.Name != "", r.Name)
	text(tagScopes, r.Scopes != "", r.Scopes)
	moment(tagCreated, r.Created)
	moment(tagExpires, r.Expires)
	moment(tagVerified, r.Verified)
	moment(tagSuspect, r.Suspect)
	text(tagPredecessor, r.Predecessor != "", r.Predecessor)
	text(tagTenant, r.Tenant != "", r.Tenant)
	text(tagReason, r.Reason != "", r.Reason)
	moment(tagUntil, r.Until)
	moment(tagDue, r.Due)
	text(tagTries, r.Tries != 0, strconv.Itoa(r.Tries))
	text(tagPublicKey, r.PublicKey != "", r.PublicKey)
	at := binary.AppendUvarint([]byte(r.sealed.nonce), uint64(r.sealed.offset))
	text(tagSealed, r.sealed.nonce != "", string(binary.AppendUvarint(at, uint64(r.sealed.length))))
	return append(b, r.extra...)
}

// decodeIndex fills r from a decrypted index, with the records of one host only
// if host is given.
func decodeIndex(r *Records, b []byte, host string) error {
	for len(b) > 0 {
		section := b[0]
		body, rest, ok := cutBytes(b[1:])
		if !ok {
			return ErrCorrupt
		}
		whole := b[:len(b)-len(rest)]
		b = rest
		switch section {
		case sectionRecord:
			if host != "" && !mayBeOf(body, host) {
				continue
			}
			r.List = append(r.List, Record{})
			if !decodeRecord(&r.List[len(r.List)-1], string(body)) {
				return ErrCorrupt
			}
		case sectionIssued:
			hash, when, ok := cutBytes(string(body))
			if !ok {
				return ErrCorrupt
			}
			expires, ok := decodeTime(when)
			if !ok {
				return ErrCorrupt
			}
			r.Issued = append(r.Issued, Issued{hash, expires})
		case sectionAllowOrg:
			r.AllowOrg = append(r.AllowOrg, string(body))
		default:
			r.extra += string(whole)
		}
	}
	return nil
}

// mayBeOf reads a record up to its host, which encodeRecord writes once. It is
// all that a get does with the records of other hosts, so it calls nothing where
// lengths take one byte. A record it cannot read is for decodeRecord to refuse.
func mayBeOf(record []byte, host string) bool {
	for len(record) > 1 {
		var value, rest []byte
		if end := 2 + int(record[1]); record[1] < 0x80 && end <= len(record) {
			value, rest = record[2:end], record[end:]
		} else {
			var ok bool
			if value, rest, ok = cutBytes(record[1:]); !ok {
				return true
			}
		}
		if record[0] == tagHost {
			return string(value) == host
		}
		record = rest
	}
	return len(record) > 0
}

func decodeRecord(r *Record, b string) bool {
	for b != "" {
		value, rest, ok := cutBytes(b[1:])
		if !ok || !decodeField(r, b[0], value) {
			return false
		}
		if b[0] > lastTag {
			r.extra += b[:len(b)-len(rest)]
		}
		b = rest
	}
	r.sealed.whose = r.identity()
	return true
}

func decodeField(r *Record, tag byte, value string) (ok bool) {
	ok = true
	switch tag {
	case tagID:
		r.ID = value
	case tagKind:
		r.Kind = Kind(value)
	case tagHost:
		r.Host = value
	case tagOrg:
		r.Org = value
	case tagPath:
		r.Path, r.HasPath = value, true
	case tagAccount:
		r.Account, r.HasAccount = value, true
	case tagAuthType:
		r.AuthType = value
	case tagServerID:
		r.ServerID = value
	case tagName:
		r.Name = value
	case tagScopes:
		r.Scopes = value
	case tagCreated:
		r.Created, ok = parseUnix(value)
	case tagExpires:
		r.Expires, ok = parseUnix(value)
	case tagVerified:
		r.Verified, ok = parseUnix(value)
	case tagSuspect:
		r.Suspect, ok = parseUnix(value)
	case tagPredecessor:
		r.Predecessor = value
	case tagSealed:
		r.sealed, ok = decodeSealed(value)
	case tagTenant:
		r.Tenant = value
	case tagReason:
		r.Reason = value
	case tagUntil:
		r.Until, ok = parseUnix(value)
	case tagDue:
		r.Due, ok = parseUnix(value)
	case tagTries:
		var err error
		r.Tries, err = strconv.Atoi(value)
		ok = err == nil
	case tagPublicKey:
		r.PublicKey = value
	}
	return ok
}

func decodeSealed(value string) (sealedSecret, bool) {
	if len(value) < nonceSize {
		return sealedSecret{}, false
	}
	offset, n := uvarint(value[nonceSize:])
	if n <= 0 {
		return sealedSecret{}, false
	}
	length, m := uvarint(value[nonceSize+n:])
	if m <= 0 || offset > maxFile || length > maxFile {
		return sealedSecret{}, false
	}
	return sealedSecret{nonce: value[:nonceSize], offset: int(offset), length: int(length)}, true
}

func appendTime(b []byte, t time.Time) []byte {
	return appendBytes(b, strconv.FormatInt(t.Unix(), 10))
}

func decodeTime(b string) (time.Time, bool) {
	value, _, ok := cutBytes(b)
	if !ok {
		return time.Time{}, false
	}
	return parseUnix(value)
}

func parseUnix(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0).UTC(), err == nil
}
