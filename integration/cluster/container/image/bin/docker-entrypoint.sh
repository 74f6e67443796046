#!/bin/sh
# The first argument, or NODE_ROLE, names the role; anything else is a command to run.
case "${1:-}" in
nameserver | broker) role=$1 && shift ;;
*) role=${NODE_ROLE:-} ;;
esac
case "$role" in
nameserver) exec ./mqnamesrv "$@" ;;
broker) exec ./mqbroker "$@" ;;
*) exec "$@" ;;
esac
