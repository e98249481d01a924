# make view   look around in the demo scene (make view SCENE=clip.safetensors: in another one);
#             without a screen it is shown on a virtual one for ten seconds, and filmed
# make test   the whole test suite
# make check  what one runs before a commit: the fast tests, without a window, and make lint
# make soak   a restless hand on the window for SECONDS=300; fails where it ends or memory grows
# make gpu-report   all that is owed on a GPU, into REPORT=gpu-report; the same command goes on with it
# make lint   linter, formatter and type checker; make types: the last alone
# make docs   write the pages that follow from the code: keys, commands, settings
# make clean  remove what the above made

VENV := .venv
IN_VENV := $(VENV)/bin/python -m

# The first Python that is new enough and can make virtual environments.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo "$$python" && break; done)

# What a window needs where there is no screen, and xdotool, a hand to use it with.
SCREEN := xvfb xauth xdotool libgl1 libegl1 libgl1-mesa-dri libxcursor1 libxi6 libxinerama1 libxrandr2

# A browser for the page that `nerv360 export-web` makes (Debian's names).
BROWSER := chromium chromium-driver

# A sound server without a device, whose output the tests record.
SOUND := pulseaudio pulseaudio-utils

# A file's tests share what is made for them; a process with torch takes a gigabyte. One that crashes
# ends the run: a process in its place would leave the scheduler of xdist 3.8 waiting for ever.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile --max-worker-restart 0

# How long a scene is shown where nobody sees it, in seconds.
SHOWN_S := 10

# How long `make soak` lasts; SEED chooses what the hand does.
SECONDS := 300
SEED := 0

# Folder of `make gpu-report`.
REPORT := gpu-report

.PHONY: docs view test check soak gpu-report lint clean screen browser sound page-types types

view: $(VENV)/installed
	@if [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
		exec $(VENV)/bin/nerv360 view $(SCENE); \
	fi; \
	$(MAKE) --no-print-directory screen; \
	command -v xvfb-run >/dev/null && command -v xauth >/dev/null || { \
		echo "There is no screen to open a window on: log in to one, install $(SCREEN) (names of" \
			"Debian and Ubuntu) and make view again for a film of a virtual one, or make pictures" \
			"without any ($(VENV)/bin/nerv360 render -o view.png)" >&2; exit 1; }; \
	echo "There is no screen: showing the scene on a virtual one for $(SHOWN_S) seconds"; \
	LIBGL_ALWAYS_SOFTWARE=1 xvfb-run --auto-servernum --server-args="-screen 0 1280x720x24" \
		$(VENV)/bin/nerv360 view $(SCENE) --size 1280x720 --wander --exit-after $(SHOWN_S) \
		--screenshot view.png --film view.mp4 \
	&& echo "What it showed is in $(CURDIR)/view.png and $(CURDIR)/view.mp4"

test: $(VENV)/installed-test screen browser sound page-types
	@[ "$$(uname)" != Linux ] || [ -n "$$DISPLAY" ] || command -v Xvfb >/dev/null || \
		echo "There is no screen: the tests that open a window are skipped until you install" \
			"$(SCREEN) (names of Debian and Ubuntu)" >&2
	$(IN_VENV) pytest $(SIDE_BY_SIDE)

check: $(VENV)/installed-test lint
	$(IN_VENV) pytest -q -m "not slow and not window"

soak: $(VENV)/installed-test screen
	NERV360_SOAK_SECONDS=$(SECONDS) NERV360_SOAK_SEED=$(SEED) $(IN_VENV) pytest -s \
		-o faulthandler_timeout=$$(($(SECONDS) + 400)) tests/viewer/test_process.py

gpu-report: $(VENV)/installed-test screen
	$(VENV)/bin/nerv360 bench gpu -o $(REPORT)

lint: types
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .

# mypy knows a package by its folder's name: give it links to ours under the names they are imported by.
types: $(VENV)/installed-test
	@rm -rf build/types && mkdir -p build/types/nerv360 \
		&& cd build/types/nerv360 && ln -s ../../../model/* ../../../viewer .
	$(IN_VENV) mypy

docs: $(VENV)/installed-test
	$(VENV)/bin/python docs/generate.py

clean:
	rm -rf $(VENV) tests/web/node_modules build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis view.png view.mp4
	find model viewer tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: requirements.txt pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "nerv360 needs Python 3.11 or newer with its venv module:" \
		"install it (Debian, Ubuntu: apt-get install python3 python3-venv)" \
		"or name one (make PYTHON=/path/to/python3)" >&2; exit 1; }
	@$(IN_VENV) pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(IN_VENV) pip install --disable-pip-version-check -r requirements.txt
	$(IN_VENV) pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.txt
	$(IN_VENV) pip install --disable-pip-version-check -r requirements-test.txt
	@touch $@

# Root in a container (no systemd runs there) may install; anybody else is told what to install.
define INSTALLED
	if dpkg-query --show $(1) >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && [ ! -d /run/systemd/system ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -qq --no-install-recommends $(1) </dev/null; \
	fi; true
endef

screen:
	@if [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY" ]; then exit 0; fi; $(call INSTALLED,$(SCREEN))

# Without them the page's tests are skipped, saying so.
browser:
	@if [ "$$(uname)" != Linux ]; then exit 0; fi; $(call INSTALLED,$(BROWSER))

# Without it the tests that listen are skipped, saying so.
sound:
	@if [ "$$(uname)" != Linux ]; then exit 0; fi; $(call INSTALLED,$(SOUND))

page-types:
	@command -v npm >/dev/null || exit 0; [ -d tests/web/node_modules ] || \
		npm ci --prefix tests/web --ignore-scripts --no-audit --no-fund || true
