package rules

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every test that docs/GUARANTEES.md names is there, and every row of its tables names one.
func TestGuaranteesAreTested(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/GUARANTEES.md")
	require.NoError(t, err)
	list, err := exec.Command("grep", "-rhoE", "--include=*_test.go", `^func Test[A-Za-z0-9_]+`, "../..").Output()
	require.NoError(t, err)
	there := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		there[strings.TrimPrefix(strings.TrimSpace(line), "func ")] = true
	}

	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		require.Contains(t, there, name[1])
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| ") && !strings.Contains(line, "shown by |") {
			require.Regexp(t, "`(Test|make )", line, "a guarantee without a test")
		}
	}
}
