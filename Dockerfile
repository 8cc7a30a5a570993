# The same Debian for both stages: a binary needs a C library no older than the one it was built with.
FROM rust:1-slim-bookworm AS build
WORKDIR /build
COPY . .
# SQLite and ring are C; the compiler for them comes with this image. The caches outlive the step,
# so the binary must be taken out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --profile dist && cp target/dist/portcullis /portcullis

FROM debian:bookworm-slim
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
