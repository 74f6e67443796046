package remoting

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// A header is a struct whose fields have a tag rmq:"wireName". With ",omitempty" a zero
// value is left out, as the Java client leaves out null. Fields are strings, integers and
// booleans. A tag short:"a" gives the one-letter name that SEND_MESSAGE_V2 uses.

type headerField struct {
	index     int
	name      string
	short     string
	omitEmpty bool
}

var headerPlans sync.Map // reflect.Type -> []headerField

func planOf(t reflect.Type) []headerField {
	if plan, ok := headerPlans.Load(t); ok {
		return plan.([]headerField)
	}
	var plan []headerField
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("rmq")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		plan = append(plan, headerField{i, name, t.Field(i).Tag.Get("short"), option == "omitempty"})
	}
	headerPlans.Store(t, plan)
	return plan
}

// EncodeHeader returns the fields of header by their wire names; none for nil.
func EncodeHeader(header any) map[string]string {
	return encodeHeader(header, func(f headerField) string { return f.name })
}

// EncodeShortHeader returns the fields of header by their one-letter names.
func EncodeShortHeader(header any) map[string]string {
	return encodeHeader(header, func(f headerField) string { return f.short })
}

func encodeHeader(header any, nameOf func(headerField) string) map[string]string {
	if header == nil {
		return map[string]string{}
	}
	v := reflect.Indirect(reflect.ValueOf(header))
	plan := planOf(v.Type())
	ext := make(map[string]string, len(plan))
	for _, f := range plan {
		field, name := v.Field(f.index), nameOf(f)
		if name == "" || (f.omitEmpty && field.IsZero()) {
			continue
		}
		switch field.Kind() {
		case reflect.String:
			ext[name] = field.String()
		case reflect.Bool:
			ext[name] = strconv.FormatBool(field.Bool())
		default:
			ext[name] = strconv.FormatInt(field.Int(), 10)
		}
	}
	return ext
}

// DecodeHeader sets the fields of header (a pointer to a struct) from ext, by their long
// names or, where these are missing, their short ones. Fields that ext does not have keep
// their values. The error names the field that is not a number or a boolean.
func DecodeHeader(ext map[string]string, header any) error {
	v := reflect.ValueOf(header).Elem()
	for _, f := range planOf(v.Type()) {
		value, ok := ext[f.name]
		if !ok && f.short != "" {
			value, ok = ext[f.short]
		}
		if !ok {
			continue
		}
		field := v.Field(f.index)
		switch field.Kind() {
		case reflect.String:
			field.SetString(value)
		case reflect.Bool:
			b, err := strconv.ParseBool(value)
			if err != nil {
				return fmt.Errorf("remoting: header field %s: %q is not a boolean", f.name, value)
			}
			field.SetBool(b)
		default:
			n, err := strconv.ParseInt(value, 10, field.Type().Bits())
			if err != nil {
				return fmt.Errorf("remoting: header field %s: %q is not a number that fits", f.name, value)
			}
			field.SetInt(n)
		}
	}
	return nil
}
