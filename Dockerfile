# The suite with the trained agents and their training on the CPU.
#
#   docker build --tag smile-bench .
#   docker run --rm smile-bench evaluate --family SmileAntGoal-v0 --agent expert meta-bc smile
#   docker run --rm --volume "$PWD/runs:/home/user/runs" smile-bench train --agent meta-bc --family SmileGridGoal-v0
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libegl1 libgl1 \
    && rm -rf /var/lib/apt/lists/*
ENV MUJOCO_GL=egl

WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY smile_bench smile_bench
RUN pip install --no-cache-dir --constraint constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu ".[baselines,irl,render]"

RUN useradd --create-home user
USER user
WORKDIR /home/user
ENTRYPOINT ["smile-bench"]
CMD ["--help"]
