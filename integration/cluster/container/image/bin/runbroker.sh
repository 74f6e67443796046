#!/bin/sh
HEAP_OPTS=${HEAP_OPTS:--Xms1g -Xmx1g -XX:MaxDirectMemorySize=1g} exec sh "$ROCKETMQ_HOME/bin/java.sh" "$@"
