package official

// PersistOffsets has a started consumer made by NewPushConsumer tell the brokers its offsets now.
// By itself it does so every 5 s, for the first time 10 s after its start. The requests are
// written when it returns, which takes seconds where a broker does not answer; nothing says that
// they have arrived. Another implementation, or one that was shut down, is left as it is.
func PersistOffsets(p any) {
	if c, ok := p.(interface{ PersistConsumerOffset() error }); ok {
		_ = c.PersistConsumerOffset() // it says whether the client runs, and no more
	}
}
