# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of every target.
add_compile_definitions(_GNU_SOURCE ASSAY_VERSION="${PROJECT_VERSION}")
add_compile_options(
	-Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
	-Wundef -Wwrite-strings -Wimplicit-fallthrough -fno-common -fvisibility=hidden
	-fno-omit-frame-pointer
	# Trailing members left out are zero by the language; clang warns where gcc does not.
	-Wno-missing-field-initializers)
if(ASSAY_WERROR)
	add_compile_options(-Werror)
endif()
include_directories(${CMAKE_SOURCE_DIR})
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(ASSAY_SANITIZE)
	add_compile_options(-fsanitize=${ASSAY_SANITIZE} -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${ASSAY_SANITIZE})
	add_compile_definitions(ASSAY_SANITIZED=1)
else()
	# Hardening needs optimisation and clashes with the sanitizers' own interceptors.
	add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
	add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
	if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)
		add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
	endif()
endif()
if(ASSAY_FUZZ)
	# The libraries are instrumented for coverage too; only the targets themselves link libFuzzer's main.
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(NOT ASSAY_COVERAGE)
	# Where a tree lies is no part of what is built from it: scripts/reproduce.
	add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
endif()
if(ASSAY_COVERAGE)
	add_compile_options(--coverage)
	add_link_options(--coverage)
endif()
