/** What `--help` prints. */
export const HELP = `\
lainlet serves a LAIN cluster's state, kept current from etcd, over HTTP and
gRPC: each view as an answer (GET) or as a live stream (watch).

Usage: lainlet [flags]     (a flag is -name value, -name=value, or with --)
       lainlet get ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]
       lainlet watch ENDPOINT [--PARAMETER VALUE] [--addr ADDRESS]
       lainlet status [--addr ADDRESS]
       lainlet completions bash|zsh|fish

The first serves; the others ask a lainlet that does (at 127.0.0.1:9001), and
print JSON, a document a line, when stdout is not a terminal. lainlet get --help
lists the endpoints and their parameters.

Serving:
  --web ADDRESS            where to listen (default :9001)
  --web.hosts NAMES        names by which browsers may ask, comma-separated,
                           besides addresses, localhost and --hostname (default
                           lainlet.lain)
  --grpc.addr ADDRESS      where to serve gRPC as well (default: nowhere); an
                           empty --web= then switches HTTP off
  --grpc.TLS               serve gRPC by TLS
  --grpc.cert FILE         PEM file of the certificate for that
  --grpc.key FILE          PEM file of its key
  --ip ADDRESS             this node's address (default none): what calls from
                           it may ask everything, and localspec is about it
  --hostname NAME          this node's name, which localprocs is about
                           (default the system's)
  --noauth                 let every caller ask everything

Listeners:
  --workers COUNT          threads that serve connections (default 1, from 4
                           cores on 2)
  --max.listeners COUNT    streams at a time (default 20000)
  --max.listeners.per.address COUNT
                           streams at a time to one address (default 1000)
  --slow.after TIME        the stream of a client ends that does not read for so
                           long what is there for it (default 60s)

Store:
  --etcd ENDPOINTS         comma-separated members of one etcd cluster
                           (default $LAINLET_ETCD, or 127.0.0.1:2379)
  --etcd.ca FILE           PEM file of etcd's CA; switches TLS on
  --etcd.cert FILE         PEM file of a client certificate
  --etcd.key FILE          PEM file of its key
  --etcd.user USER:PASSWORD
                           login to etcd (default $LAINLET_ETCD_USER, or none)
  --stale.after TIME       how long the state may be unconfirmed before /readyz
                           and the answers say so (default 30s)
  --verify.every TIME      how often all keys are compared with etcd's
                           (default 10m; 0: never)
  --store STORE            etcd; etcd2, etcd's v2 key space; or memory:FILE to
                           serve a JSON file of {"key": "value"} (default
                           $LAINLET_STORE, or etcd)

Logging, to stderr:
  --log.format FORMAT      logfmt (default) or json, a line for each event
  --debug                  log at debug level

Other:
  -h, --help               print this and exit
  -v, --version            print the version and exit

Examples:
  lainlet --etcd 10.0.0.1:2379,10.0.0.2:2379 --ip 10.0.0.7
  lainlet --web 127.0.0.1:9001 --store memory:cluster.json --noauth

Then look at http://127.0.0.1:9001 in a browser, or ask it:
  lainlet status
  lainlet watch coreinfowatcher --appname console
  curl -N 'http://127.0.0.1:9001/v2/webrouter/webprocs?watch=1&heartbeat=10'`;
