# Two stages: one builds the wheel and an environment with nothing else in it, the other is what runs.
#
#   docker build -t faregate .
#   docker run -p 8080:8080 -v faregate:/var/lib/faregate -e FAREGATE_PROVIDERS__OPENAI__API_KEY=sk-... faregate
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
# Python's own profile-guided optimisation is worth a fifth of the CPU of a call. The official image is built with it,
# and says so itself; a base that is not ends the build here.
RUN python -c "import sysconfig; told = sysconfig.get_config_var('CONFIG_ARGS'); assert '--enable-optimizations' in told and '--with-lto' in told, told"
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
COPY rates rates
COPY config config
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/faregate \
    && pip --python /opt/faregate/bin/python install --no-cache-dir /wheels/*.whl

FROM ${BASE}
RUN useradd --uid 10001 --create-home --home-dir /var/lib/faregate --shell /usr/sbin/nologin faregate
COPY --from=build /opt/faregate /opt/faregate
COPY deploy/container/faregate.yaml /etc/faregate/faregate.yaml
ENV PATH=/opt/faregate/bin:$PATH \
    FAREGATE_CONFIG=/etc/faregate/faregate.yaml \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/faregate
# The ledger. Without a volume that outlives the container, so does no balance.
VOLUME ["/var/lib/faregate"]
EXPOSE 8080 8081
# Ready, not only alive: recovery is over and nobody has asked it to stop. The image has no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8081/readyz', timeout=4)"]
# The process itself is the container's first one, so it gets the signal: SIGTERM lets running calls end and settles
# those that do not within limits.shutdown_grace_s (30 s). Give it longer than docker's own 10 s: docker stop -t 60.
STOPSIGNAL SIGTERM
ENTRYPOINT ["faregate"]
CMD ["serve"]
