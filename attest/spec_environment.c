/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may stand in the agent's environment. A variable can decide what code runs as well as the
 * command can, so those that steer the dynamic loader or the C library are refused always (they
 * would undo the measured closure), and those that make an interpreter load code only when their
 * value comes from the caller: a value written in the spec is measured with it.
 */
#include "attest/spec_internal.h"

#include "base/text.h"

enum refusal { ALWAYS, FROM_CALLER };

/* A name that ends in '*' is a prefix. What glibc ignores in set-user-ID programs (sysdeps/generic/unsecvars.h) is in it. */
static const struct {
	const char *name;
	enum refusal when;
} refused[] = {
	{"LD_*", ALWAYS},
	{"GLIBC_TUNABLES", ALWAYS},
	{"GCONV_PATH", ALWAYS},
	{"GETCONF_DIR", ALWAYS},
	{"MALLOC_*", ALWAYS},
	{"RESOLV_HOST_CONF", ALWAYS},
	{"HOSTALIASES", ALWAYS},
	{"LOCALDOMAIN", ALWAYS},
	{"LOCPATH", ALWAYS},
	{"NIS_PATH", ALWAYS},
	{"NLSPATH", ALWAYS},
	{"RES_OPTIONS", ALWAYS},
	{"ASSAY_*", ALWAYS}, /* the launcher's own */
	/* The C library's, that a measured value may have; what keys and certificates are trusted or written down. */
	{"TMPDIR", FROM_CALLER},
	{"TZDIR", FROM_CALLER},
	{"MUSL_LOCPATH", FROM_CALLER},
	{"OPENSSL_CONF", FROM_CALLER},
	{"OPENSSL_MODULES", FROM_CALLER},
	{"OPENSSL_ENGINES", FROM_CALLER},
	{"GNUTLS_*", FROM_CALLER},
	{"KRB5_*", FROM_CALLER},
	{"P11_KIT_*", FROM_CALLER},
	{"SASL_PATH", FROM_CALLER},
	{"SSL_CERT_*", FROM_CALLER},
	{"SSLKEYLOGFILE", FROM_CALLER},
	{"CURL_CA_BUNDLE", FROM_CALLER},
	{"CURL_HOME", FROM_CALLER},
	{"REQUESTS_CA_BUNDLE", FROM_CALLER},
	/* Where programs look for their own files: ~/.local holds packages of Python, ~/.Rprofile is run. */
	{"HOME", FROM_CALLER},
	{"PATH", FROM_CALLER},
	{"XDG_CACHE_HOME", FROM_CALLER},
	{"XDG_CONFIG_DIRS", FROM_CALLER},
	{"XDG_CONFIG_HOME", FROM_CALLER},
	{"XDG_DATA_DIRS", FROM_CALLER},
	{"XDG_DATA_HOME", FROM_CALLER},
	/* Shells, and programs that others start. */
	{"BASHOPTS", FROM_CALLER},
	{"BASH_ENV", FROM_CALLER},
	{"BASH_FUNC_*", FROM_CALLER},
	{"BROWSER", FROM_CALLER},
	{"CDPATH", FROM_CALLER},
	{"EDITOR", FROM_CALLER},
	{"ENV", FROM_CALLER},
	{"FPATH", FROM_CALLER},
	{"GIT_*", FROM_CALLER},
	{"IFS", FROM_CALLER},
	{"LESSCLOSE", FROM_CALLER},
	{"LESSOPEN", FROM_CALLER},
	{"PAGER", FROM_CALLER},
	{"PROMPT_COMMAND", FROM_CALLER},
	{"PS4", FROM_CALLER},
	{"SHELL", FROM_CALLER},
	{"SHELLOPTS", FROM_CALLER},
	{"VISUAL", FROM_CALLER},
	{"ZDOTDIR", FROM_CALLER},
	/* Interpreters and their packages. */
	{"AWKLIBPATH", FROM_CALLER},
	{"AWKPATH", FROM_CALLER},
	{"BUNDLE*", FROM_CALLER},
	{"CLASSPATH", FROM_CALLER},
	{"COMPlus_*", FROM_CALLER},
	{"CONDA_*", FROM_CALLER},
	{"CORECLR_*", FROM_CALLER},
	{"DOTNET_*", FROM_CALLER},
	{"ELIXIR_*", FROM_CALLER},
	{"ERL_*", FROM_CALLER},
	{"GEM_*", FROM_CALLER},
	{"GUILE_*", FROM_CALLER},
	{"JAVA_*", FROM_CALLER},
	{"JDK_JAVA_OPTIONS", FROM_CALLER},
	{"JULIA_*", FROM_CALLER},
	{"LUA_*", FROM_CALLER},
	{"NODE_*", FROM_CALLER},
	{"NPM_CONFIG_*", FROM_CALLER},
	{"PERL*", FROM_CALLER},
	{"PHP*", FROM_CALLER},
	{"PIP_*", FROM_CALLER},
	{"PYTHON*", FROM_CALLER},
	{"RUBY*", FROM_CALLER},
	{"R_*", FROM_CALLER},
	{"TCL*", FROM_CALLER},
	{"TK_LIBRARY", FROM_CALLER},
	{"UV_*", FROM_CALLER},
	{"VIRTUAL_ENV", FROM_CALLER},
	{"_JAVA_OPTIONS", FROM_CALLER},
	{"npm_config_*", FROM_CALLER},
	/* Libraries that load others by name. */
	{"CC", FROM_CALLER},
	{"CXX", FROM_CALLER},
	{"EGL_*", FROM_CALLER},
	{"GBM_*", FROM_CALLER},
	{"GDK_*", FROM_CALLER},
	{"GIO_*", FROM_CALLER},
	{"GST_*", FROM_CALLER},
	{"GTK_*", FROM_CALLER},
	{"ICU_DATA", FROM_CALLER},
	{"LIBGL_*", FROM_CALLER},
	{"LIBVA_*", FROM_CALLER},
	{"MAGICK_*", FROM_CALLER},
	{"OCL_ICD_*", FROM_CALLER},
	{"QT_*", FROM_CALLER},
	{"VK_*", FROM_CALLER},
	{"__EGL_*", FROM_CALLER},
	{"__GLX_*", FROM_CALLER},
	/* Models, and what computes them. */
	{"CUDA_*", FROM_CALLER},
	{"GGML_*", FROM_CALLER},
	{"HF_*", FROM_CALLER},
	{"HIP_*", FROM_CALLER},
	{"HSA_*", FROM_CALLER},
	{"JAX_*", FROM_CALLER},
	{"KERAS_*", FROM_CALLER},
	{"LLAMA_*", FROM_CALLER},
	{"NCCL_*", FROM_CALLER},
	{"NLTK_DATA", FROM_CALLER},
	{"NUMBA_*", FROM_CALLER},
	{"OLLAMA_*", FROM_CALLER},
	{"OMP_TOOL*", FROM_CALLER},
	{"PJRT_*", FROM_CALLER},
	{"ROCM_*", FROM_CALLER},
	{"SENTENCE_TRANSFORMERS_HOME", FROM_CALLER},
	{"TESSDATA_PREFIX", FROM_CALLER},
	{"TF_*", FROM_CALLER},
	{"TORCH*", FROM_CALLER},
	{"TRANSFORMERS_*", FROM_CALLER},
	{"TRITON_*", FROM_CALLER},
	{"VLLM_*", FROM_CALLER},
	{"XLA_*", FROM_CALLER},
};

static bool name_ok(const char *name)
{
	size_t len =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	return len > 0 && len <= 128 && name[len] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

static bool matches(const char *name, const char *pattern)
{
	size_t len = strlen(pattern);
	if (pattern[len - 1] == '*')
		return strncmp(name, pattern, len - 1) == 0;
	return strcmp(name, pattern) == 0;
}

static bool check_variable(const struct spec_variable *variable, struct err *err)
{
	if (!name_ok(variable->name))
		return err_set(err, ERR_CONFIG, "environment: \"%s\": not a variable's name",
			ESC(bytes_str(variable->name)));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (!matches(variable->name, refused[i].name))
			continue;
		if (refused[i].when == ALWAYS)
			return err_set(err, ERR_CONFIG,
				"environment: %s: refused, it would change what is loaded "
				"unmeasured",
				variable->name);
		if (!variable->value)
			return err_set(err, ERR_CONFIG,
				"environment: %s: can make the agent load code; give its value "
				"here instead of "
				"taking the caller's",
				variable->name);
	}
	if (variable->value && variable->value[0] &&
		!spec_text_ok(variable->value, SPEC_TEXT_MAX - 1))
		return err_set(err, ERR_CONFIG, "environment: %s: value with control characters",
			variable->name);
	return true;
}

bool spec_check_environment(const struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->environment_count; i++) {
		const struct spec_variable *variable = &spec->environment[i];
		if (!check_variable(variable, err))
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(spec->environment[k].name, variable->name) == 0)
				return err_set(
					err, ERR_CONFIG, "environment: %s: twice", variable->name);
	}
	return true;
}

bool spec_take_environment_key(const char *pem, struct spec *spec, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!pem)
		return true;
	if (!key_from_pem(bytes_str(pem), &key, err)) {
		if (err)
			err->code = ERR_CONFIG;
		return err_wrap(err, "environment_key");
	}
	if (key_has_private(key))
		return err_set(
			err, ERR_CONFIG, "environment_key: a private key: put the public key here");
	if (key_type_of(key) == KEY_ED25519)
		return err_set(err, ERR_CONFIG,
			"environment_key: nothing can be sealed for an Ed25519 key: EC or RSA");
	spec->environment_key = TAKE(key);
	return true;
}
