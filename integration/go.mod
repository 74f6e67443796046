module github.com/holdfast-mq/holdfast/integration

go 1.25.0

require (
	github.com/holdfast-mq/holdfast v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/apache/rocketmq-client-go/v2 v2.1.2 // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
	gopkg.in/natefinch/lumberjack.v2 v2.0.0 // indirect
)

replace github.com/holdfast-mq/holdfast => ../
