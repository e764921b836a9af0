#!/bin/sh
# Builds Tesseract for reading pages only, then the wheel of tesserocr against it.
#
#   build.sh SOURCE PREFIX WHEELS REQUIREMENTS [PYTHON]
#
# SOURCE is the unpacked source of Tesseract (Debian's), PREFIX where it is installed, WHEELS the folder that gets
# the wheel, REQUIREMENTS the pinned and hashed list that names tesserocr: its sdist must carry one of those hashes.
#
# Page pictures go to the recogniser as they are instead of through PNG (TESSERACT_IMAGEDATA_AS_PIX), there are no
# threads of its own (one page a core is faster) and no legacy engine (our models have no use for it).
set -eu
source=$1 prefix=$2 wheels=$3 requirements=$4 python=${5:-python3}

cmake -S "$source" -B "$source/build" \
    -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_RPATH="$prefix/lib" \
    -DCMAKE_CXX_FLAGS_RELEASE="-O3 -DNDEBUG -DTESSERACT_IMAGEDATA_AS_PIX" \
    -DBUILD_SHARED_LIBS=ON \
    -DENABLE_LTO=ON \
    -DENABLE_NATIVE=OFF \
    -DOPENMP_BUILD=OFF \
    -DDISABLED_LEGACY_ENGINE=ON \
    -DGRAPHICS_DISABLED=ON \
    -DBUILD_TRAINING_TOOLS=OFF \
    -DBUILD_TESTS=OFF \
    -DDISABLE_ARCHIVE=ON \
    -DDISABLE_CURL=ON \
    -DINSTALL_CONFIGS=ON
cmake --build "$source/build" --parallel "$(nproc)"
cmake --install "$source/build"

# tesserocr names parts of the legacy engine that are not there: stand-ins that say so
c++ -std=c++17 -O2 -fPIC -I"$prefix/include" -c "$(dirname "$0")/without_legacy.cpp" -o "$source/build/without_legacy.o"

# the lines of tesserocr alone, with their hashes: pip refuses any other file
pinned=$(mktemp)
sed -n '/^tesserocr==/,/[^\\]$/p' "$requirements" > "$pinned"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" LDFLAGS="$source/build/without_legacy.o -Wl,-rpath,$prefix/lib"
"$python" -m pip wheel --no-cache-dir --no-deps --no-binary tesserocr --require-hashes -r "$pinned" -w "$wheels"
rm -f "$pinned"
