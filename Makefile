# damp: plain GNU make.  `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
# V=1 shows the commands
V ?=
Q := $(if $(V),,@)
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-5s %s\n' $(1) $(2);)
MAKEFLAGS += --no-print-directory

# SAN=address,undefined builds a checked program into $(BUILD)
SAN ?=
OPT ?= -O2
PKGS := libpcap libmaxminddb libsodium yaml-0.1 jansson libxxhash
# Used when they are there (HAVE_...); `damp --version` says which are.
OPTIONAL := zlib libzstd liblz4 lzo2 hiredis

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wformat=2 -Wundef
# Warnings are errors in `make check` (WERROR=1), not in a user's build.
CFLAGS ?= $(OPT) -g
override CFLAGS += -std=c17 -D_GNU_SOURCE -pthread $(WARN) $(if $(WERROR),-Werror) \
	-DDAMP_VERSION='"$(VERSION)"' -I.
ifneq ($(SAN),)
override CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SAN)
# gcc warns of conversions and lengths that its own instrumentation makes; clang does not
ifeq ($(findstring clang,$(CC)),)
override CFLAGS += -Wno-conversion -Wno-format-truncation
endif
endif

# Asked only when something is built, after `deps` had its chance.
FOUND = $(eval FOUND := $(foreach p,$(OPTIONAL),$(shell pkg-config --exists $(p) 2>/dev/null && echo $(p))))$(FOUND)
# libbz2 comes without a .pc file in Debian
HAVE_BZ2 = $(eval HAVE_BZ2 := $(shell echo '#include <bzlib.h>' | $(CC) -E - >/dev/null 2>&1 && echo y))$(HAVE_BZ2)
HAVE = $(if $(findstring zlib,$(FOUND)),-DHAVE_ZLIB) $(if $(findstring libzstd,$(FOUND)),-DHAVE_ZSTD) \
	$(if $(findstring liblz4,$(FOUND)),-DHAVE_LZ4) $(if $(findstring lzo2,$(FOUND)),-DHAVE_LZO) \
	$(if $(findstring hiredis,$(FOUND)),-DHAVE_HIREDIS) $(if $(HAVE_BZ2),-DHAVE_BZ2)
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(FOUND) 2>/dev/null) $(HAVE))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS) $(FOUND) 2>/dev/null) $(if $(HAVE_BZ2),-lbz2))$(PKG_LIBS)

# Only a test asks it: whether the compiled list of public suffixes means what libpsl reads in it.
HAVE_PSL = $(eval HAVE_PSL := $(shell pkg-config --exists libpsl 2>/dev/null && echo y))$(HAVE_PSL)
CFLAGS_test_suffix = $(if $(HAVE_PSL),-DHAVE_LIBPSL)
LIBS_test_suffix = $(if $(HAVE_PSL),$(shell pkg-config --libs libpsl))

LIB_SRC := $(wildcard base/*.c collector/*.c detector/*.c rules/*.c feeds/*.c reports/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIB     := $(BUILD)/libdamp.a
PROGRAM := $(BUILD)/damp
MAIN    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard damp*.c))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SEEDRUN := $(FUZZ:%=$(BUILD)/fuzz/%)
GENERATOR := $(BUILD)/damp-gen

.PHONY: all
all: deps
	@$(MAKE) $(PROGRAM)

.PHONY: help
help:
	@echo 'make              build $(PROGRAM) (installs missing Debian packages first)'
	@echo 'make demo         replay a bundled incident and show what damp makes of it'
	@echo 'make check        all tests: units, golden replays, fuzz seeds, rules and feeds against real peers'
	@echo 'make check-live   the lab: network namespaces, a real resolver, a shaped link (root)'
	@echo 'make check-long   the longer suites: pictures of the page, the hour of ordinary traffic'
	@echo 'make bench        speed, memory and delay as ratios to a bare libpcap loop, in one run'
	@echo 'make score        precision, recall and delay on labelled captures, packets and flows'
	@echo 'make curves       how far each threshold may move before the verdicts do (half an hour)'
	@echo 'make soak         three days of a town of 100,000: false incidents a day, memory over time'
	@echo 'make fuzz TIME=60 libFuzzer on every target (clang)'
	@echo 'make install      to $$(DESTDIR)$$(PREFIX), default /usr/local'
	@echo 'make clean        remove $(BUILD)'
	@echo 'SAN=address,undefined, CC=clang, OPT=-O3 do what they say'

# --- what a machine needs -----------------------------------------------------------------------

.PHONY: deps deps-check
deps:
	@tests/deps.sh build
deps-check:
	@tests/deps.sh check

# --- the program --------------------------------------------------------------------------------

$(PROGRAM): $(MAIN) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

# A change of compiler or flags rebuilds everything.
FLAGS_NOW = $(CC) $(CFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@
.PHONY: FORCE
FORCE:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(PKG_CFLAGS) $(CFLAGS_$(*F)) -MMD -MP -c -o $@ $<

# The page's style and script are copied into this object.
$(BUILD)/reports/assets.o: reports/style.css reports/page.js

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- tests --------------------------------------------------------------------------------------

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LIBS_$(@F)) -lcmocka -lm

# Fuzz targets linked with a driver that runs committed seeds once.
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/seed_driver.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(GENERATOR): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/gen/*.c)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

# What the check scripts use besides damp itself.
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: unit seeds tools
unit: $(UNIT)
seeds: $(SEEDRUN)
tools: $(PROGRAM) $(GENERATOR) $(TOOLS) $(BUILD)/score/exporter unit seeds

.PHONY: check
check: deps-check
	@tests/run.sh

.PHONY: check-live
check-live: deps-check
	@$(MAKE) $(PROGRAM) $(GENERATOR)
	@tests/run.sh live

.PHONY: check-long
check-long: deps-check
	@$(MAKE) tools
	@tests/run.sh long

.PHONY: bench
bench: deps-check
	@$(MAKE) OPT=-O2 $(PROGRAM) $(GENERATOR)
	@tests/bench.sh

# What the score uses besides damp and the generator.
SCORE_TOOLS := $(BUILD)/score/exporter
$(BUILD)/score/%: $(BUILD)/tests/score/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

.PHONY: score curves soak
score: deps-check
	@$(MAKE) $(PROGRAM) $(GENERATOR) $(SCORE_TOOLS)
	@tests/score.sh
curves: deps-check
	@$(MAKE) $(PROGRAM) $(GENERATOR) $(SCORE_TOOLS)
	@tests/curves.sh
soak: deps-check
	@$(MAKE) $(PROGRAM) $(GENERATOR)
	@tests/soak.sh

TIME ?= 60
.PHONY: fuzz
fuzz: deps-check
	@tests/fuzz.sh $(TIME) $(FUZZ)

.PHONY: demo
demo: deps
	@$(MAKE) -s $(PROGRAM) >/dev/null
	@tests/demo.sh

# --- installing ---------------------------------------------------------------------------------

PREFIX ?= /usr/local
.PHONY: install
install: all
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/damp
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 docs/damp.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docs/damp.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -D -m 644 docs/damp.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/damp
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/doc/damp
	sed 's|@PREFIX@|$(PREFIX)|' docs/damp.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/damp.service
	install -m 644 README.md docs/*.md docs/damp.conf.example docs/damp.logrotate $(DESTDIR)$(PREFIX)/share/doc/damp/

.PHONY: clean
clean:
	rm -rf $(BUILD)
