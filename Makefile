# Busbar's front door. Each target installs what is missing, builds what it needs, and runs; it
# leaves nothing running, and no file outside this folder but the caches of its tools.

.DEFAULT_GOAL := help
.PHONY: help build demo test teeth firmware test-firmware bench gate lint install

help: ## print this list
	@sed -n 's/^\([a-z-]*\): ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

build: ## build the programs as a device runs them, into .build/release
	@.ci/install-dependencies install
	@.ci/leave-nothing .ci/release

demo: ## watch a heater heat, a gas leak cut its power, and the lock-out survive a kill -9
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/demo

test: ## run every check and every test (a quarter of an hour on two cores, the first time)
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/test

teeth: ## put deliberate defects into the way to the cluster, and see each one found
	@.ci/install-dependencies
	@.ci/teeth

firmware: ## build the relay board's firmware for the Pico: .build/firmware/relay-board.uf2
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/firmware

test-firmware: ## run the firmware's tests in QEMU and in an emulated Pico, and its deliberate defects
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/test-firmware

bench: ## print what Busbar costs, beside limits and peers (45 min; ONLY=trips: a part)
	@.ci/install-dependencies bench
	@.ci/leave-nothing .ci/bench $(ONLY)

gate: ## prove that the core needs no heap, by compiling it where there is none
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/embedded-gate
	@.ci/leave-nothing .ci/embedded-gate --prove-it-bites

lint: ## check the layout of every Swift file (to repair it: swift format -i -p -r .)
	@.ci/install-dependencies
	@.ci/leave-nothing .ci/lint

install: ## put programs, site, units and udev rules onto this device (DESTDIR=: below a folder)
	@.ci/install-dependencies install
	@DESTDIR='$(DESTDIR)' .ci/leave-nothing .ci/install $(SITE)
