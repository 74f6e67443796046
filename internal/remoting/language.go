package remoting

import "encoding/json"

// Language is the client language in a header, as in RocketMQ's LanguageCode. The binary
// header has its number, the JSON header its name.
type Language byte

// Languages by number.
const (
	LanguageJava  Language = 0
	LanguageOther Language = 7
	LanguageGo    Language = 9
)

var languageNames = [...]string{
	"JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS",
}

// String returns the name; OTHER for a number without one.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return languageNames[LanguageOther]
}

// MarshalJSON writes the name.
func (l Language) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads a name; one that is not known is OTHER.
func (l *Language) UnmarshalJSON(b []byte) error {
	*l = LanguageOther
	var name string
	if json.Unmarshal(b, &name) != nil {
		return nil
	}
	for i, known := range languageNames {
		if known == name {
			*l = Language(i)
		}
	}
	return nil
}
