# Every image of ML Showcase. The last stage is the whole local cluster in one container:
#   docker build -t ml-showcase-api . && docker run -d -p 127.0.0.1:8100:8100 --name ml-showcase-api ml-showcase-api
# docker-compose.yml builds the others: application, model-server, proxy.
#
# What changes rarely comes first: packages, then torch, then the models, then the code. A code change rebuilds only the
# last layers, in seconds.

# docker-compose.yml names this image by its digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS base
LABEL org.opencontainers.image.version="0.2.0"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN groupadd --gid 10001 showcase \
    && useradd --uid 10001 --gid showcase --home-dir /var/lib/showcase --create-home --shell /usr/sbin/nologin showcase
WORKDIR /srv/showcase


FROM base AS runtime-packages
COPY requirements/runtime.lock requirements/
RUN python -m venv /opt/venv && pip install --quiet --no-cache-dir --require-hashes -r requirements/runtime.lock


# The catalogue's descriptions of the models, generated from their cards without torch.
FROM runtime-packages AS descriptions
COPY image_files image_files
COPY services services
RUN python -m services.archive --only-describe --store /model-store


# The gateway and the orchestrator: one image, two commands.
FROM base AS application
COPY --from=runtime-packages /opt/venv /opt/venv
# Otherwise each thread that has read a large upload would keep its own heap of that size.
ENV MALLOC_ARENA_MAX=2
COPY contracts contracts
COPY image_files image_files
COPY runtime runtime
COPY workflows workflows
COPY gateway gateway
COPY orchestrator orchestrator
COPY admin admin
COPY --from=descriptions /model-store/models.json model-store/models.json
RUN python -m compileall -q contracts image_files runtime gateway orchestrator admin
USER 10001:10001


# Balances requests over all gateways, which it finds by DNS as they start and stop.
FROM base AS proxy
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/haproxy.cfg /etc/haproxy/haproxy.cfg
USER 10001:10001
CMD ["haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg"]


# torch's own index has a build without GPU libraries, a gigabyte smaller. If that index cannot be reached, pip uses its
# default index.
FROM base AS services-packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements/services.lock requirements/torch.txt requirements/
RUN python -m venv /opt/venv \
    && pip install --quiet --no-cache-dir --require-hashes -r requirements/services.lock \
    && { pip install --quiet --no-cache-dir --retries 1 --timeout 10 --index-url "$TORCH_INDEX" --no-deps -r requirements/torch.txt \
         || pip install --quiet --no-cache-dir -r requirements/torch.txt; }


FROM services-packages AS archives
COPY image_files image_files
COPY services services
RUN python -m services.archive --store /model-store && chmod -R a+rX /model-store


FROM base AS java
# The Java package writes into a folder for manual pages, which slim images lack.
RUN mkdir -p /usr/share/man/man1 && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*


# TorchServe with every archive; SHOWCASE_MODELS selects the models that it serves.
FROM java AS model-server
COPY --from=services-packages /opt/venv /opt/venv
COPY --from=archives /model-store /model-store
COPY deploy/torchserve deploy/torchserve
USER 10001:10001
CMD ["python", "-m", "deploy.torchserve", "--host", "0.0.0.0", "--model-store", "/model-store", "--state", "/tmp/torchserve"]


FROM services-packages AS cluster-packages
COPY requirements/cluster.lock requirements/
RUN pip install --quiet --no-cache-dir --require-hashes -r requirements/cluster.lock


# The local cluster in one image. `docker stop` waits 10 s: running submissions get 4 of them, then they are requeued.
FROM java AS one-container
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rabbitmq-server tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=cluster-packages /opt/venv /opt/venv
COPY --from=archives /model-store model-store
COPY deploy deploy
COPY contracts contracts
COPY image_files image_files
COPY runtime runtime
COPY workflows workflows
COPY gateway gateway
COPY orchestrator orchestrator
COPY admin admin
RUN python -m compileall -q contracts image_files runtime deploy gateway orchestrator admin
ENV SHOWCASE_DRAIN_SECONDS=4
USER 10001:10001
VOLUME /var/lib/showcase
EXPOSE 8100
HEALTHCHECK --interval=5s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8100/health/ready', timeout=4)"]
ENTRYPOINT ["tini", "--", "python", "-m", "deploy.local"]
CMD ["run", "--home", "/var/lib/showcase", "--host", "0.0.0.0", "--model-store", "model-store"]
