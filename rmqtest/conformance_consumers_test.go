//go:build !race

package rmqtest_test

import (
	"testing"

	"github.com/holdfast-mq/holdfast/internal/conformance"
)

func TestConformanceOfConsumers(t *testing.T) {
	t.Parallel()
	conformance.Run(t, newModel, conformance.Consumers()...)
}
