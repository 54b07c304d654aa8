#!/bin/sh
# Writes the digest that each image's tag has now into docker-compose.yml. Needs docker, with buildx, and a network.
set -eu
cd "$(dirname "$0")/../.."

for image in $(grep -oE '[a-z0-9][a-z0-9./-]*:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}' docker-compose.yml | sort -u); do
    tag=${image%@*}
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
    expr "$digest" : 'sha256:[0-9a-f]\{64\}$' >/dev/null || { echo "pin-images: $tag has no digest: $digest" >&2; exit 1; }
    sed -i "s|$image|$tag@$digest|" docker-compose.yml
    [ "$image" = "$tag@$digest" ] || echo "$tag is now $digest"
done
