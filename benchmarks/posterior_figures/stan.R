# The marginalised mixture in Stan; see problem.R.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))),
                 "problem.R"))
suppressMessages(library(rstan))
# Distributions keep Boost's headers outside of R's package BH.
if (!nzchar(system.file("include", package = "BH"))) rstan_options(boost_lib = "/usr/include")

several <- "
data {
  int N; int D; int K;
  vector[D] X[N];
  vector[D] loc;
  vector[D] scale;
  real dof;
  matrix[D, D] scatter;
}
parameters {
  simplex[K] w;
  vector[D] mu[K];
  cov_matrix[D] Sigma[K];
}
model {
  matrix[D, D] L[K];
  vector[K] log_w = log(w);
  for (k in 1:K) {
    L[k] = cholesky_decompose(Sigma[k]);
    mu[k] ~ normal(loc, scale);
    Sigma[k] ~ inv_wishart(dof, scatter);
  }
  for (n in 1:N) {
    vector[K] terms = log_w;
    for (k in 1:K) terms[k] += multi_normal_cholesky_lpdf(X[n] | mu[k], L[k]);
    target += log_sum_exp(terms);
  }
}"
one <- "
data {
  int N; int K;
  vector[N] X;
  real loc; real scale; real dof; real scatter;
}
parameters {
  simplex[K] w;
  vector[K] mu;
  vector<lower=0>[K] Sigma;
}
model {
  vector[K] log_w = log(w);
  vector[K] sigma = sqrt(Sigma);
  mu ~ normal(loc, scale);
  Sigma ~ inv_gamma(dof / 2, scatter / 2);
  for (n in 1:N) {
    vector[K] terms = log_w;
    for (k in 1:K) terms[k] += normal_lpdf(X[n] | mu[k], sigma[k]);
    target += log_sum_exp(terms);
  }
}"

compiling <- seconds_of(model <- stan_model(model_code = if (D == 1) one else several))
if (D == 1) {
  data <- list(N = N, K = K, X = X[, 1], loc = means_prior[1, 1], scale = means_prior[1, 2],
               dof = dof, scatter = scatter[1, 1])
  start <- list(w = start_weights, mu = start_means[, 1], Sigma = start_covariances[, 1, 1])
  names <- c(indices("w", 1:K), indices("mu", 1:K), indices("Sigma", 1:K))
} else {
  data <- list(N = N, D = D, K = K, X = X, loc = means_prior[, 1], scale = means_prior[, 2],
               dof = dof, scatter = scatter)
  start <- list(w = start_weights, mu = start_means, Sigma = start_covariances)
  names <- c(indices("w", 1:K), indices("mu", 1:D, 1:K), indices("Sigma", 1:D, 1:D, 1:K))
}
fit <- sampling(model, data = data, chains = chains, iter = warm_up + draws, warmup = warm_up,
                init = rep(list(start), chains), seed = 1, cores = 1, refresh = 0)
found <- as.array(fit)[, , names]
write_table("draws", do.call(rbind, lapply(seq_len(chains), function(chain) found[, chain, ])))
write_table("seconds", cbind(compiling, sum(get_elapsed_time(fit))))
