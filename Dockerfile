# The image holds one static binary, the shipped catalogue and the roots of the machine that built it;
# no shell, no package. `make image` gathers the context and builds it.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY config /etc/readiness-exporter
COPY --chown=65532:65532 state /var/lib/readiness-exporter
COPY readiness-exporter /readiness-exporter
# A number, so that `runAsNonRoot` can be checked before the start.
USER 65532:65532
# State is the only thing that is written: the root may be read-only.
VOLUME /var/lib/readiness-exporter
EXPOSE 10099
ENTRYPOINT ["/readiness-exporter"]
# Within a container the network is the container's own; who may reach it is decided outside.
CMD ["--config.file=/etc/readiness-exporter/readiness.yaml", "--store.path=/var/lib/readiness-exporter", "--web.listen-address=0.0.0.0:10099"]
