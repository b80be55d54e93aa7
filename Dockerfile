# syntax=docker/dockerfile:1
# A pinned tag still moves. To build the same image twice, set --build-arg BASE=…/python-312-minimal@sha256:….
ARG BASE=registry.access.redhat.com/ubi9/python-312-minimal:9.8

FROM ${BASE} AS build
# hadolint ignore=DL3002
USER 0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# Wheels whose hashes are written down: nothing is compiled, and nothing is taken that was not looked at. What is
# installed has no pip of its own, and can install nothing more. No cache is mounted: OpenShift's builds fail with one
# ("bind mounts cannot have any filesystem-specific options applied", openshift/machine-config-operator pull 5645).
RUN python3 -m venv /opt/build && \
    python3 -m venv --without-pip /opt/istag-webhook && \
    /opt/build/bin/pip install --only-binary=:all: --require-hashes --requirement requirements-build.lock && \
    /opt/build/bin/pip --python /opt/istag-webhook/bin/python install \
        --only-binary=:all: --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY webhook ./webhook
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir dist . && \
    /opt/build/bin/pip --python /opt/istag-webhook/bin/python install --no-deps --no-index dist/*.whl && \
    /opt/build/bin/pip --python /opt/istag-webhook/bin/python check

FROM ${BASE}
ARG VERSION=0.1.0
ARG RELEASE=1
ARG REVISION=unknown
LABEL name="istag-webhook" \
      vendor="istag-webhook" \
      version="${VERSION}" \
      release="${RELEASE}" \
      maintainer="istag-webhook maintainers" \
      summary="Admission webhook that decides which OpenShift image stream tag may point where" \
      description="Decides, for every change that makes an image stream tag mean something else, whether it may happen." \
      io.k8s.display-name="istag-webhook" \
      io.k8s.description="Decides, for every change that makes an image stream tag mean something else, whether it may happen." \
      io.openshift.tags="admission,webhook,imagestream" \
      org.opencontainers.image.title="istag-webhook" \
      org.opencontainers.image.description="Admission webhook that decides which OpenShift image stream tag may point where" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.vendor="istag-webhook" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/istag-webhook/istag-webhook"
COPY --from=build /opt/istag-webhook /opt/istag-webhook
COPY LICENSE /licenses/LICENSE
ENV PATH=/opt/istag-webhook/bin:$PATH PYTHONUNBUFFERED=1
# Whatever user the cluster gives, in group 0; nothing is written but below /tmp and /dev/shm.
USER 1001:0
WORKDIR /
# A label that says another version than the package breaks the build.
RUN test "$(istag-webhook version)" = "${VERSION}"
EXPOSE 8443 8080
ENTRYPOINT ["istag-webhook"]
CMD ["serve", "--cert", "/etc/istag-webhook/tls/tls.crt", "--key", "/etc/istag-webhook/tls/tls.key"]
