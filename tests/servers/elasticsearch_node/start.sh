#!/bin/bash
# start.sh HOME RUN PORT: runs a node in the foreground: programs of HOME, configuration, data and logs in RUN, HTTP on 127.0.0.1:PORT.
# ES_JAVA_HOME (JDK >= 21); optional: ES_HEAP (512m), ES_JAVA_OPTS, ES_CLASS_ARCHIVE=write (leaves HOME/es.jsa at a clean stop).
set -euo pipefail
home=${1:?usage: start.sh HOME RUN PORT}
port=${3:?usage: start.sh HOME RUN PORT}
mkdir -p "$2"; run=$(cd "$2" && pwd)
mkdir -p "$run"/{config,data,logs,tmp}
[ -f "$run/config/elasticsearch.yml" ] || cat > "$run/config/elasticsearch.yml" <<Y
cluster.name: local
node.name: node-1
path.data: $run/data
path.logs: $run/logs
network.host: 127.0.0.1
transport.port: 0
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
${ES_SETTINGS:-}
Y
[ -f "$run/config/log4j2.properties" ] || cat > "$run/config/log4j2.properties" <<'L'
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
L
archive=()
if [ "${ES_CLASS_ARCHIVE:-}" = write ]; then archive=(-XX:ArchiveClassesAtExit="$home/es.jsa")
elif [ -f "$home/es.jsa" ]; then archive=(-XX:SharedArchiveFile="$home/es.jsa"); fi
cd "$run"
exec "${ES_JAVA_HOME:?ES_JAVA_HOME: a JDK 21 or newer}/bin/java" \
  -Xms"${ES_HEAP:-512m}" -Xmx"${ES_HEAP:-512m}" -Xss1m -XX:+UseSerialGC -Djava.awt.headless=true \
  --module-path "$home/lib" --add-modules=ALL-MODULE-PATH,jdk.net,jdk.management.agent,jdk.incubator.vector -cp "$home/launch.jar" \
  --enable-native-access=org.elasticsearch.nativeaccess,org.elasticsearch.foreign,org.apache.lucene.core \
  -XX:-OmitStackTraceInFastThrow \
  -Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false \
  -Dlog4j2.disable.jmx=true -Dlog4j.shutdownHookEnabled=false -Djava.locale.providers=CLDR \
  -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0 \
  "${archive[@]}" -Xshare:auto -Xlog:cds=off -Xlog:aot=off \
  ${ES_JAVA_OPTS:-} -Des.path.home="$home" -Des.path.conf="$run/config" -Des.distribution.type=tar -Djava.io.tmpdir="$run/tmp" \
  StartNode "$port"
