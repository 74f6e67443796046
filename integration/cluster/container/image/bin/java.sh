#!/bin/sh
# Runs a class of RocketMQ on Java 17: HEAP_OPTS, then what Java 17 needs to be told, then
# JAVA_OPT_EXT, which wins.
exec java $HEAP_OPTS \
	--add-exports=java.base/sun.nio.ch=ALL-UNNAMED \
	--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED \
	--add-opens=java.base/java.nio=ALL-UNNAMED \
	--add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
	--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED \
	--add-opens=java.base/java.util=ALL-UNNAMED \
	--add-opens=java.base/java.lang=ALL-UNNAMED \
	$JAVA_OPT_EXT \
	-cp "$ROCKETMQ_HOME/conf:$ROCKETMQ_HOME/lib/*" "$@"
