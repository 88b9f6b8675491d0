#!/bin/sh
# Profile etcd-ro: the user with which the checks of the Parallax checklist read etcd.
#
# Run once per cluster, as root of etcd, after `etcdctl auth enable` or before it; safe to run again.
# Where the cluster is, and who you are, stands in the variables that etcdctl reads itself:
#
#   export ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_USER=root
#   export ETCDCTL_CACERT=ca.pem ETCDCTL_CERT=client.pem ETCDCTL_KEY=client.key
#   READINESS_PASSWORD_FILE=/run/secrets/etcd-ro sh etcd.sh
#
# The password of the new user is read from that file, so that it never stands in a command line.
#
# Tried on etcd 3.4. There a user needs no right for the list of members, for alarms, for leases and
# for the status of a member. Later releases ask for more: from 3.6 the list of members is for users
# that are logged in, as this one is, and the newest ones tell the status of a member to root only.
# There core.discovery.etcd-healthy is `unknown` with the reason permission_denied: a monitor is not
# made root for it.
set -eu
: "${READINESS_PASSWORD_FILE:?set it to the file that holds the password}"
export ETCDCTL_API=3

etcdctl role get readiness >/dev/null 2>&1 || etcdctl role add readiness
etcdctl role grant-permission readiness read --prefix=true /parallax/
etcdctl user get readiness >/dev/null 2>&1 || etcdctl user add readiness --interactive=false <"$READINESS_PASSWORD_FILE"
etcdctl user grant-role readiness readiness
