package remoting

import (
	"encoding/json"
	"fmt"
)

type jsonHeader struct {
	Code      int               `json:"code"`
	Language  Language          `json:"language"`
	Version   int               `json:"version"`
	Opaque    int32             `json:"opaque"`
	Flag      int32             `json:"flag"`
	Remark    string            `json:"remark,omitempty"`
	ExtFields map[string]string `json:"extFields,omitempty"`
}

func (c *Command) appendJSONHeader(dst []byte) ([]byte, error) {
	b, err := json.Marshal(jsonHeader{c.Code, c.Language, c.Version, c.Opaque, c.Flag, c.Remark, c.Ext})
	if err != nil {
		return dst, fmt.Errorf("remoting: encode JSON header: %w", err)
	}
	return append(dst, b...), nil
}

func decodeJSONHeader(b []byte) (*Command, error) {
	var h jsonHeader
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("remoting: decode JSON header: %w", err)
	}
	if h.ExtFields == nil {
		h.ExtFields = map[string]string{}
	}
	return &Command{Code: h.Code, Language: h.Language, Version: h.Version, Opaque: h.Opaque, Flag: h.Flag, Remark: h.Remark, Ext: h.ExtFields}, nil
}
