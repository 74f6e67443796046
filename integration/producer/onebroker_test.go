package producer_test

import (
	"testing"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

func TestOneBroker(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{})
	together(t, c,
		scenario{"OneAttempt", oneAttempt},
		scenario{"AnotherAttempt", anotherAttempt},
		scenario{"NotDurableAnswers", notDurableAnswers},
		scenario{"BrokerUnreachable", brokerUnreachable},
		scenario{"FoundUnderCover", foundUnderCover},
		scenario{"StreamOfFaults", streamOfFaults},
		scenario{"StreamWithoutLookups", streamWithoutLookups},
		scenario{"StreamOneByOne", streamOneByOne},
		scenario{"EachItsOwnResult", eachItsOwnResult},
		scenario{"ExplicitBatch", explicitBatch},
		scenario{"ExplicitBatchIsFoundWhole", explicitBatchIsFoundWhole},
		scenario{"DelayedMessage", delayedMessage},
		scenario{"Namespace", namespace},
		scenario{"ForwardOfACommittedTransaction", forwardOfACommittedTransaction},
	)
	inTurn(t, c,
		scenario{"BatchesAreSplit", batchesAreSplit},
		scenario{"FoundIsNotFlushed", foundIsNotFlushed},
		scenario{"StalledFlushAcknowledgesNothing", stalledFlushAcknowledgesNothing},
		scenario{"Pause", pause},
		scenario{"Kill", kill},
	)
}
