# A small image: the program, time zones and the roots of TLS, no shell, not root. See docs/en/packages.md.
# docker build -t simgauge . && docker run -v simgauge:/data -p 127.0.0.1:8080:8080 simgauge

FROM docker.io/library/rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p simgauge && install -D -s target/release/simgauge /out/simgauge && install -d /out/data

# Built against the same libc: bookworm is Debian 12.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/simgauge /usr/bin/simgauge
COPY --from=build --chown=nonroot:nonroot /out/data /data
WORKDIR /data
VOLUME /data
# The environment overrides a configuration file, so only the address is set here. The default store is simgauge.db in the
# working folder.
ENV SIMGAUGE__SERVER__LISTEN=0.0.0.0:8080
EXPOSE 8080
# Longer than server.stop_timeout_seconds is `docker stop --time 45`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["/usr/bin/simgauge", "health"]
ENTRYPOINT ["/usr/bin/simgauge"]
CMD ["serve"]
