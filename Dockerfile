# syntax=docker/dockerfile:1
FROM registry.access.redhat.com/ubi9/python-311:9.6 AS build
USER 0
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY webhook ./webhook
RUN python3.11 -m venv /opt/istag-webhook && /opt/istag-webhook/bin/pip install --no-cache-dir .

FROM registry.access.redhat.com/ubi9/python-311-minimal:9.6
LABEL name="istag-webhook" \
      vendor="istag-webhook" \
      version="0.1.0" \
      release="1" \
      maintainer="istag-webhook maintainers" \
      summary="Admission webhook that decides which OpenShift image stream tag may point where" \
      description="Decides, for every change that makes an image stream tag mean something else, whether it may happen."
COPY --from=build /opt/istag-webhook /opt/istag-webhook
COPY LICENSE /licenses/LICENSE
ENV PATH=/opt/istag-webhook/bin:$PATH PYTHONUNBUFFERED=1
USER 1001:0
EXPOSE 8443 8080
ENTRYPOINT ["istag-webhook"]
CMD ["serve", "--cert", "/etc/istag-webhook/tls/tls.crt", "--key", "/etc/istag-webhook/tls/tls.key"]
