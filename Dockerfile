# The same Debian for both stages: a binary needs a C library no older than the one it was built with. A tag may be moved:
# for a build that can be repeated, put the digest behind it that `docker buildx imagetools inspect` shows.
FROM rust:1.95.0-slim-trixie AS build
WORKDIR /build
COPY . .
# SQLite and ring are C; the compiler for them comes with this image. The caches outlive the step,
# so the binary must be taken out of them.
#
# Cargo compares times, and COPY keeps those of the checkout: sources that are older than the cache, which another
# checkout or branch may have filled, would leave its binary as it is. So they are touched, in the step that builds:
# a step of its own would be taken from Docker's cache. One build at a time uses a target folder, which has its
# own key for each checkout (CACHE) and platform.
ARG CACHE=portcullis
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry,id=cargo-registry,sharing=locked \
    --mount=type=cache,target=/build/target,id=$CACHE-target-$TARGETPLATFORM,sharing=locked \
    find build.rs askama.toml Cargo.toml migrations src -exec touch {} + \
    && cargo build --locked --profile dist \
    && cp target/dist/portcullis /portcullis

FROM debian:13.5-slim
# The certificates are for PostgreSQL over TLS. A user needs a number, not a name.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /portcullis /usr/local/bin/portcullis

USER 10001:10001
ENV PORTCULLIS_DATA_DIR=/data PORT=8080
VOLUME /data
EXPOSE 8080

# /health/live, not /health/ready: a restart of what is unhealthy would not mend its database.
# bash can speak to a port by itself, which saves the image a curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/live HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["portcullis"]
