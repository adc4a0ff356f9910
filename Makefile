# Tidemill. `make help` lists the targets.
#
# Everything that is made lies in build/: the product build/tidemill, build/asan and build/tsan (VARIANT=asan
# or tsan, each with its own objects), build/deferred and build/fresh (for `make variants`), build/tests/test_X for tests/core/test_X.c, build/faults/tidemill (the server
# over the file layer of tests/support), build/bench, build/replay/X for tests/fuzz/fuzz_X.c, and build/fuzz/bin/X, the same
# with libFuzzer (VARIANT=fuzz).

PREFIX ?= /usr/local
DATA ?= data
LISTEN ?= 127.0.0.1:8080
VARIANT ?=

B := build$(if $(VARIANT),/$(VARIANT))

CC ?= gcc
CFLAGS ?= -g
WERROR ?= -Werror
PACKAGES := libuv lua5.4 lua5.4-lpeg sqlite3 jansson libsodium icu-uc icu-i18n zlib

# Asked when first needed, and once: reading this file needs no library and no pkg-config.
PACKAGES_CFLAGS = $(eval PACKAGES_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PACKAGES_CFLAGS)
PACKAGES_LIBS = $(eval PACKAGES_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGES_LIBS)

HARDENING := -O2 -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
KIND_ := $(HARDENING)
KIND_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Wno-maybe-uninitialized
KIND_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer -Wno-maybe-uninitialized
# For tests: a store that completes each call on a later turn of the loop; a new Lua state for each request.
KIND_deferred := $(HARDENING) -DSTORE_DEFERRED
KIND_fresh := $(HARDENING) -DSTATE_FRESH
# For `make fuzz`: libFuzzer is clang's.
KIND_fuzz := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(VARIANT),fuzz)
CC := clang
endif
# Both in one piece, or UBSan's reports would not go where they are told to.
LINK_asan := -static-libasan -static-libubsan
ifeq ($(origin KIND_$(VARIANT)),undefined)
$(error VARIANT is empty, asan, tsan, deferred, fresh or fuzz, not "$(VARIANT)")
endif

COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE -Icore -Itests $(KIND_$(VARIANT)) -fPIE -Wall -Wextra $(WERROR) \
	$(PACKAGES_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK = $(CC) $(KIND_$(VARIANT)) $(LINK_$(VARIANT)) -pie -Wl,-z,relro,-z,now $(CFLAGS) $(LDFLAGS)
# The allocator comes first, so that it is the one; a sanitizer brings its own.
LIBS = $(if $(VARIANT),,-lmimalloc) $(PACKAGES_LIBS) -lhttp_parser -lcsv -lpthread -lm

objects = $(patsubst %.c,$(B)/obj/%.o,$(1))
SOURCES := $(wildcard core/*.c core/*/*.c core/store/*/*.c)
MAIN := $(call objects,core/main.c)
CORE := $(filter-out $(MAIN),$(call objects,$(SOURCES)))
# What each program of a variant has beside its own parts.
ASIDE_tsan := tests/support/sanitizers/tsan.c
ASIDE := $(call objects,$(ASIDE_$(VARIANT)))
SUPPORT := $(call objects,$(wildcard tests/support/*.c))
FAULTS := $(call objects,$(wildcard tests/faults/*.c))
UNITS := $(patsubst tests/core/%.c,$(B)/tests/%,$(wildcard tests/core/test_*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(FUZZ_TARGETS:%=$(B)/replay/%)
FUZZERS := $(FUZZ_TARGETS:%=$(B)/bin/%)
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))

# One job for each processor (a caller's own -j prevails), unless something is to be cleaned first. A make that
# is called by another shares its jobs.
ifeq ($(MAKELEVEL)$(filter clean,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

.DELETE_ON_ERROR:
.PHONY: all run test torture variants lint bench million deps install clean help asan tsan units benches \
	fuzz replays fuzzers

all: $(B)/tidemill ## build/tidemill (the default)

run: ## serve the demo client on 127.0.0.1:8080 (DATA=data, LISTEN=127.0.0.1:8080)
	@tests/support/deps build
	@$(MAKE) -s --no-print-directory $(B)/tidemill
	@exec $(B)/tidemill serve --config config/tidemill.lua --data $(DATA) --listen $(LISTEN) --watch

test: ## run every test (SUITES="core http" for some of them, VARIANT=asan for the sanitizers)
	+@VARIANT=$(VARIANT) tests/run $(SUITES)

# The summary of the tests is the last line, also when one failed: in question mode (-q) make says nothing of
# its own when a recipe that it runs all the same (+) ends with status 1.
ifeq ($(MAKECMDGOALS),test)
MAKEFLAGS += -q --no-print-directory
endif

torture: ## the long run: 200 crashes, 500 injected faults, and `make variants`
	@TORTURE_ROUNDS=200 TORTURE_FAULTS=500 LIMIT=3600 tests/run faults/torture
	@$(MAKE) --no-print-directory variants

variants: ## the suites core, scripts and http over a store that answers late, and with a fresh Lua state for each request
	@VARIANT=deferred tests/run core scripts http
	@VARIANT=fresh tests/run core scripts http

fuzz: ## run each target of tests/fuzz under libFuzzer (FUZZ_SECONDS=600 for each, TARGETS="json http" for some of them)
	@tests/support/deps build fuzz
	@tests/fuzz/run $(TARGETS)

lint: ## check layout, the borders between the rooms, and Lua
	@tests/support/deps lint
	@tests/lint/run

bench: ## measure the server, beside plain C where it can be (BENCH="list reload" for some lines, PAIRS=9, SECONDS=3)
	@tests/support/deps build bench
	@$(MAKE) --no-print-directory $(B)/tidemill benches
	@$(if $(or $(if $(BENCH),,all),$(filter list summary,$(BENCH))),$(MAKE) --no-print-directory million)
	@node tests/bench/run.mjs $(BENCH)

million: build/million ## a data folder with a million leads, for `make bench`: made once and kept

build/million: | $(B)/tidemill benches
	@node tests/bench/million.mjs $@

deps: ## install what building, testing, linting, fuzzing and measuring need
	@tests/support/deps build test lint fuzz bench

install: $(B)/tidemill ## install below PREFIX=/usr/local (and DESTDIR)
	install -D -m 755 $(B)/tidemill $(DESTDIR)$(PREFIX)/bin/tidemill
	find scripts plugins config -type f ! -path '*/.*' -exec \
		install -D -m 644 '{}' '$(DESTDIR)$(PREFIX)/share/tidemill/{}' ';'

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z ]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

asan tsan: ## build/asan/tidemill, build/tsan/tidemill, under gcc's sanitizers
	@$(MAKE) --no-print-directory VARIANT=$@ all

ifeq ($(VARIANT),)
.PHONY: build/asan/tidemill build/tsan/tidemill
build/asan/tidemill: asan
build/tsan/tidemill: tsan
endif

units: $(UNITS)
benches: $(BENCHES)
replays: $(REPLAYS)
fuzzers: $(FUZZERS)

$(B)/tidemill: $(MAIN) $(CORE) $(ASIDE)
	@echo "  link $@"
	@$(LINK) -o $@ $^ $(LIBS)

$(B)/faults/tidemill: $(FAULTS) $(SUPPORT) $(CORE) $(ASIDE)
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(LIBS)

# Wrong on purpose, each in one place: the tests of crashes must catch them.
MUTATED := core/store/sqlite/conn core/store/sqlite/group
UNCHANGED = $(FAULTS) $(SUPPORT) $(ASIDE) $(filter-out $(MUTATED:%=$(B)/obj/%.o),$(CORE))

$(B)/obj/mutants/synchronous_off.o: core/store/sqlite/conn.c Makefile
	@mkdir -p $(@D)
	@$(COMPILE) '-DSTORE_SYNCHRONOUS="OFF"' -c -o $@ $<

$(B)/obj/mutants/answer_before_commit.o: core/store/sqlite/group.c tests/faults/mutants/answer_before_commit.patch Makefile
	@mkdir -p $(@D)
	@patch -s -p1 -o $(@:.o=.c) <tests/faults/mutants/answer_before_commit.patch
	@$(COMPILE) -c -o $@ $(@:.o=.c)

$(B)/mutants/synchronous_off: $(B)/obj/mutants/synchronous_off.o $(B)/obj/core/store/sqlite/group.o $(UNCHANGED)
$(B)/mutants/answer_before_commit: $(B)/obj/mutants/answer_before_commit.o $(B)/obj/core/store/sqlite/conn.o $(UNCHANGED)
$(B)/mutants/%:
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(LIBS)

# Of an archive the linker takes only what a test asks for, so that a test may bring a part of its own.
$(B)/core.a: $(CORE)
	@rm -f $@
	@ar rcs $@ $^

$(UNITS): $(B)/tests/%: $(B)/obj/tests/core/%.o $(SUPPORT) $(ASIDE) $(B)/core.a
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(LIBS) -lcmocka

# An archive too, since few targets ask for it.
$(B)/fuzz.a: $(call objects,tests/fuzz/place.c)
	@rm -f $@
	@ar rcs $@ $^

$(REPLAYS): $(B)/replay/%: $(B)/obj/tests/fuzz/fuzz_%.o $(call objects,tests/fuzz/replay.c) $(ASIDE) $(B)/fuzz.a $(B)/core.a
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(LIBS)

$(FUZZERS): $(B)/bin/%: $(B)/obj/tests/fuzz/fuzz_%.o $(call objects,tests/fuzz/libfuzzer.c) $(B)/fuzz.a $(B)/core.a
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BENCHES): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/core.a
	@echo "  link $@"
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(LIBS)

$(B)/obj/%.o: %.c Makefile
	@echo "  cc   $<"
	@mkdir -p $(@D)
	@$(COMPILE) -c -o $@ $<

.SECONDARY:
-include $(patsubst %.o,%.d,$(MAIN) $(CORE) $(SUPPORT) $(FAULTS) $(ASIDE) $(UNITS:$(B)/tests/%=$(B)/obj/tests/core/%.o) \
	$(BENCHES:$(B)/bench/%=$(B)/obj/tests/bench/%.o) $(call objects,$(wildcard tests/fuzz/*.c))) $(wildcard $(B)/obj/mutants/*.d)
