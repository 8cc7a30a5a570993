# The same Debian for both stages: a binary needs a C library no older than the one it was built with. A tag may
# be moved: for a reproducible build, append the digest that `docker buildx imagetools inspect` shows.
FROM rust:1.95.0-slim-trixie AS build
WORKDIR /build
COPY . .
# SQLite and ring are written in C; this image has the compiler. The caches are not part of the image, so the
# binary must be copied out of them.
#
# Cargo compares modification times, and COPY keeps those of the checkout: sources that are older than the
# cache, which another checkout or branch may have filled, would leave its binary as it is. So they are touched,
# in the step that builds: a step of its own would come from Docker's cache. One build at a time uses a target
# folder, whose cache has its own id for each checkout (CACHE) and platform.
ARG CACHE=portcullis
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry,id=cargo-registry,sharing=locked \
    --mount=type=cache,target=/build/target,id=$CACHE-target-$TARGETPLATFORM,sharing=locked \
    find build.rs askama.toml Cargo.toml migrations src -exec touch {} + \
    && cargo build --locked --profile dist \
    && cp target/dist/portcullis /portcullis

FROM debian:13.5-slim
# The certificates are for PostgreSQL over TLS. The user is numeric, so it needs no name.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /portcullis /usr/local/bin/portcullis

USER 10001:10001
ENV PORTCULLIS_DATA_DIR=/data PORT=8080
VOLUME /data
EXPOSE 8080

# /health/live, not /health/ready: restarting an unhealthy container would not repair its database. bash can
# open a TCP connection by itself, so the image needs no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/live HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["portcullis"]
