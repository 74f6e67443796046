#!/bin/sh
HEAP_OPTS=${HEAP_OPTS:--Xms256m -Xmx512m} exec sh "$ROCKETMQ_HOME/bin/java.sh" "$@"
