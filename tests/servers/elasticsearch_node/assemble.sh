#!/bin/bash
# assemble.sh HOME: puts an Elasticsearch home together from published jars (libraries and modules; no data, no configuration).
# Needs mvn and ES_JAVA_HOME, a JDK >= 21. The caller sees to it that two never work on one HOME.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${1:?usage: assemble.sh HOME}
rm -rf "$home"; mkdir -p "$home"; home=$(cd "$home" && pwd)
export JAVA_HOME=${ES_JAVA_HOME:?ES_JAVA_HOME: a JDK 21 or newer}
J=$JAVA_HOME/bin
mkdir -p "$home"/{plugins,tmp} "$home/modules/transport-netty4" "$home/lib/platform/linux-x64"
mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$home/lib"
version=$(basename "$home"/lib/elasticsearch-[0-9]*.jar .jar); version=${version#elasticsearch-}
classpath=$(printf '%s:' "$home"/lib/*.jar)
# the module that serves HTTP; its descriptor is inside its own jar
net=$home/modules/transport-netty4
mv "$home"/lib/transport-netty4-*.jar "$home"/lib/netty-*.jar "$net/"
(cd "$home/tmp" && "$J/jar" xf "$net/transport-netty4-$version.jar" META-INF/es-plugins)
cp "$home"/tmp/META-INF/es-plugins/transport-netty4/* "$net/"
# our two stand-in modules, compiled here
for m in analysis-common:local.fr.FrAnalysisPlugin rest-root:local.root.RestRootPlugin; do
  name=${m%%:*}; mkdir -p "$home/modules/$name"
  "$J/javac" -nowarn -XDsuppressNotes -cp "$classpath" -d "$home/tmp/$name" "$here/src/modules/$name"/*.java
  "$J/jar" cf "$home/modules/$name/$name-local.jar" -C "$home/tmp/$name" .
  printf '%s\n' "description=stand-in for $name" version=1 "name=$name" java.version=21 \
    "elasticsearch.version=$version" "classname=${m##*:}" > "$home/modules/$name/plugin-descriptor.properties"
done
"$J/javac" -nowarn -XDsuppressNotes -cp "$classpath" -d "$home/tmp/launch" "$here"/src/launch/*.java
"$J/jar" cf "$home/launch.jar" -C "$home/tmp/launch" .
# the server wants libzstd.so (codec best_compression); the system's one has the same interface
z=$(ls /usr/lib/*-linux-gnu/libzstd.so.1 2>/dev/null | head -1) || true
[ -z "$z" ] || ln -s "$z" "$home/lib/platform/linux-x64/libzstd.so"
rm -rf "$home/tmp"
