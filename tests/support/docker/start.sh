# Runs an engine in namespaces of its own: whatever becomes of it, its processes end with this one, its
# mounts are seen by nobody else, and its networks lead nowhere.
#   start.sh docker|podman <directory> <parent of its cgroups>
set -eu
kind=$1 dir=$2 parent=$3
mount --make-rprivate /
# The runtime of containers keeps sockets here, whatever it is told.
mount -t tmpfs tmpfs /run
ip link set lo up

if [ "$kind" = podman ]; then
  podman --root "$dir/root" --runroot "$dir/run" --cgroup-manager cgroupfs \
    system service --time 0 "unix://$dir/engine.sock" &
  wait
  exit
fi

[ -z "${REGISTRY:-}" ] || docker-registry serve "$REGISTRY" &
set -- -H "unix://$dir/engine.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/engine.pid" \
  --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
  --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$parent"
if [ -n "${TLS:-}" ]; then
  # The socket of TCP is made outside, where somebody can reach it, and comes as standard input.
  exec 3<&0 </dev/null
  set -- "$@" -H fd:// --tlsverify --tlscacert "$dir/ca.crt" --tlscert "$dir/server.crt" --tlskey "$dir/server.key"
  LISTEN_FDS=1 sh -c 'LISTEN_PID=$$ exec dockerd "$@"' dockerd "$@" &
else
  dockerd "$@" &
fi
# Signals of this process go to nobody; it waits for all that it started, and for all that was left to it.
wait
