package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTreeObeysThePackageRules(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, complaint := range checkAll(s) {
			t.Error(complaint)
		}
	}
}

func checkAll(s source) (complaints []string) {
	complaints = append(complaints, checkNeighbours(s)...)
	complaints = append(complaints, checkNoTestPackages(s)...)
	return append(complaints, checkConstruction(s)...)
}

// Each row is a file and what the rules say of it; "" is what they let pass.
func TestThePackageRulesRefuseViolations(t *testing.T) {
	t.Parallel()
	const (
		rocketmq = `import "` + official + `"`
		producer = `import "` + official + `/producer"`
		rmqtest  = `import "` + ours + `/rmqtest"`
	)
	for _, row := range []struct{ name, file, text, want string }{
		{"root knows producer", "sender.go", `import "` + ours + `/producer"`, "the root imports no other package of ours"},
		{"root's example knows producer", "example_test.go", `import "` + ours + `/producer"`, ""},
		{"dialect knows the root", "dialect/dialect.go", `import "` + ours + `"`, "dialect imports no other package of ours"},
		{"producer knows the root", "producer/send.go", `import "` + ours + `"`, ""},
		{"producer knows internal", "producer/send.go", `import "` + ours + `/internal/send"`, ""},
		{"producer knows consumer", "producer/send.go", `import "` + ours + `/consumer"`, "producer imports only the root, dialect and internal"},
		{"below txn knows outbox", "txn/x/x.go", `import "` + ours + `/outbox"`, "txn imports only"},
		{"txn knows its own", "txn/ledger.go", `import "` + ours + `/txn/x"`, ""},
		{"internal knows producer", "internal/send/send.go", `import "` + ours + `/producer"`, "internal packages import only"},
		{"a command knows all", "cmd/holdfast/main.go", `import "` + ours + `/outbox"`, ""},
		{"production knows rmqtest", "cmd/holdfast/main.go", rmqtest, "imports no package made for tests"},
		{"production knows httptest", "consumer/run.go", `import "net/http/httptest"`, "imports no package made for tests"},
		{"production knows testing", "consumer/run.go", `import "testing"`, "imports no package made for tests"},
		{"production knows the suite", "producer/send.go", `import "` + ours + `/internal/conformance"`, "imports no package made for tests"},
		{"the suite knows rmqtest", "internal/conformance/run.go", rmqtest, ""},
		{"a test knows rmqtest", "consumer/run_test.go", rmqtest, ""},
		{"an example knows rmqtest", "examples/losslab/main.go", rmqtest, ""},
		{"a constructor", "producer/new.go", rocketmq + `; var _, _ = rocketmq.NewProducer()`, "uses rocketmq.NewProducer"},
		{"a type", "producer/new.go", rocketmq + `; type p = rocketmq.Producer`, ""},
		{"an option", "producer/new.go", producer + `; var _ = producer.WithRetry(0)`, "uses producer.WithRetry"},
		{"an option, renamed", "producer/new.go", `import mq "` + official + `/producer"; var f = mq.WithRetry`, "uses mq.WithRetry"},
		{"an option, hidden by a dot", "producer/new.go", `import . "` + official + `/producer"; var f = WithRetry`, "with a dot"},
		{"an option in a test", "producer/new_test.go", producer + `; var _ = producer.WithRetry(0)`, ""},
		{"an option in its place", "internal/official/new.go", producer + `; var _ = producer.WithRetry(0)`, ""},
		{"an option in rmqtest", "rmqtest/broker.go", producer + `; var _ = producer.WithRetry(0)`, "uses producer.WithRetry"},
		{"our own option", "examples/q/main.go", `import "` + ours + `/producer"; var _ = producer.WithRetry(0)`, ""},
		{"the panic handler", "producer/new.go", `import "` + official + `/primitive"; func f() { primitive.PanicHandler = nil }`, "uses primitive.PanicHandler"},
		{"a message", "producer/new.go", `import "` + official + `/primitive"; var _ = primitive.NewMessage`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, row.want, checkAll(parse(t, row.file, "package p\n"+row.text)))
		})
	}
}

// The list of exemptions stays honest: each names a place and says why.
func TestExemptionsSayWhy(t *testing.T) {
	t.Parallel()
	for _, e := range exemptions {
		require.NotEmpty(t, e.why, e.dir)
		require.True(t, e.constructs || e.tests, "%s is exempt from nothing", e.dir)
	}
}
