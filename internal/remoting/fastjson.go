package remoting

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Brokers write some bodies with fastjson 1, which leaves numeric map keys without quotes
// ({0:"10.0.0.1:10911"}) and writes maps with objects as keys ({{"queueId":0}:1}). Here such
// a body becomes strict JSON: a bare key gets quotes, an object key becomes a string that
// holds the object. Everything else is left to encoding/json.

const (
	maxJSONDepth = 64

	// maxKeyDepth bounds objects that are keys of objects that are keys: each level doubles
	// the escapes of what is inside.
	maxKeyDepth = 3
)

var errFastjson = errors.New("remoting: malformed fastjson")

// UnmarshalFastjson decodes what fastjson wrote into v, as json.Unmarshal would.
func UnmarshalFastjson(b []byte, v any) error {
	strict, err := StrictJSON(b)
	if err != nil {
		return err
	}
	return json.Unmarshal(strict, v)
}

// StrictJSON rewrites what fastjson wrote. Its result is not validated beyond the rewriting.
func StrictJSON(b []byte) ([]byte, error) {
	r := fastjsonReader{in: b}
	out, err := r.value(make([]byte, 0, len(b)+len(b)/8), 0, 0)
	if err != nil {
		return nil, fmt.Errorf("%w near byte %d", err, r.at)
	}
	r.space()
	if r.at != len(b) {
		return nil, fmt.Errorf("%w: something follows at byte %d", errFastjson, r.at)
	}
	return out, nil
}

type fastjsonReader struct {
	in []byte
	at int
}

func (r *fastjsonReader) value(out []byte, depth, keyDepth int) ([]byte, error) {
	if depth > maxJSONDepth || keyDepth > maxKeyDepth {
		return out, errFastjson
	}
	switch r.peek() {
	case '{':
		return r.sequence(out, '}', func(out []byte) ([]byte, error) { return r.member(out, depth, keyDepth) })
	case '[':
		return r.sequence(out, ']', func(out []byte) ([]byte, error) { return r.value(out, depth+1, keyDepth) })
	case '"':
		return r.quoted(out)
	default:
		token := r.token()
		if len(token) == 0 {
			return out, errFastjson
		}
		return append(out, token...), nil
	}
}

// sequence copies an opening bracket, elements with commas between them, and end.
func (r *fastjsonReader) sequence(out []byte, end byte, element func([]byte) ([]byte, error)) ([]byte, error) {
	out = append(out, r.in[r.at])
	r.at++
	if r.peek() == end {
		r.at++
		return append(out, end), nil
	}
	for {
		var err error
		if out, err = element(out); err != nil {
			return out, err
		}
		switch r.peek() {
		case ',':
			out = append(out, ',')
		case end:
			r.at++
			return append(out, end), nil
		default:
			return out, errFastjson
		}
		r.at++
	}
}

func (r *fastjsonReader) member(out []byte, depth, keyDepth int) ([]byte, error) {
	out, err := r.key(out, depth, keyDepth)
	if err != nil {
		return out, err
	}
	if r.peek() != ':' {
		return out, errFastjson
	}
	r.at++
	return r.value(append(out, ':'), depth+1, keyDepth)
}

func (r *fastjsonReader) key(out []byte, depth, keyDepth int) ([]byte, error) {
	switch r.peek() {
	case '"':
		return r.quoted(out)
	case '{', '[':
		object, err := r.value(nil, depth+1, keyDepth+1)
		if err != nil {
			return out, err
		}
		return appendQuoted(out, object), nil
	default:
		token := r.token()
		if len(token) == 0 {
			return out, errFastjson
		}
		return appendQuoted(out, token), nil
	}
}

func appendQuoted(out, text []byte) []byte {
	out = append(out, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return append(out, '"')
}

// quoted copies a string literal with its escapes.
func (r *fastjsonReader) quoted(out []byte) ([]byte, error) {
	start := r.at
	for r.at++; r.at < len(r.in); r.at++ {
		switch r.in[r.at] {
		case '\\':
			r.at++
		case '"':
			r.at++
			return append(out, r.in[start:r.at]...), nil
		}
	}
	return out, errFastjson
}

// token takes a number, a literal or a bare key.
func (r *fastjsonReader) token() []byte {
	r.space()
	start := r.at
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '+', c == '.', c == '_':
			r.at++
		default:
			return r.in[start:r.at]
		}
	}
	return r.in[start:r.at]
}

func (r *fastjsonReader) peek() byte {
	r.space()
	if r.at >= len(r.in) {
		return 0
	}
	return r.in[r.at]
}

func (r *fastjsonReader) space() {
	for r.at < len(r.in) {
		switch r.in[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}
