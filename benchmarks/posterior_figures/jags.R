# The mixture with its memberships in JAGS; see problem.R.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))),
                 "problem.R"))
suppressMessages(library(rjags))

several <- "model {
  for (n in 1:N) {
    z[n] ~ dcat(w)
    X[n, 1:D] ~ dmnorm(mu[z[n], 1:D], Omega[z[n], 1:D, 1:D])
  }
  w ~ ddirch(ones)
  for (k in 1:K) {
    for (d in 1:D) { mu[k, d] ~ dnorm(loc[d], precision[d]) }
    Omega[k, 1:D, 1:D] ~ dwish(scatter, dof)
    Sigma[k, 1:D, 1:D] <- inverse(Omega[k, 1:D, 1:D])
  }
}"
one <- "model {
  for (n in 1:N) {
    z[n] ~ dcat(w)
    X[n] ~ dnorm(mu[z[n]], Omega[z[n]])
  }
  w ~ ddirch(ones)
  for (k in 1:K) {
    mu[k] ~ dnorm(loc, precision)
    Omega[k] ~ dgamma(dof / 2, scatter / 2)
    Sigma[k] <- 1 / Omega[k]
  }
}"

data <- list(N = N, K = K, ones = rep(1, K), dof = dof)
if (D == 1) {
  data <- c(data, list(X = X[, 1], loc = means_prior[1, 1], precision = means_prior[1, 2]^-2,
                       scatter = scatter[1, 1]))
  start <- list(w = start_weights, mu = start_means[, 1], Omega = 1 / start_covariances[, 1, 1])
  names <- c(indices("w", 1:K), indices("mu", 1:K), indices("Sigma", 1:K))
} else {
  data <- c(data, list(X = X, D = D, loc = means_prior[, 1], precision = means_prior[, 2]^-2,
                       scatter = scatter))
  precisions <- start_covariances
  for (k in 1:K) precisions[k, , ] <- solve(start_covariances[k, , ])
  start <- list(w = start_weights, mu = start_means, Omega = precisions)
  names <- c(indices("w", 1:K), indices("mu", 1:D, 1:K), indices("Sigma", 1:D, 1:D, 1:K))
}
starts <- lapply(seq_len(chains), function(chain) {
  c(start, .RNG.name = "base::Mersenne-Twister", .RNG.seed = chain)
})
compiling <- seconds_of(
  model <- jags.model(textConnection(if (D == 1) one else several), data = data, inits = starts,
                      n.chains = chains, n.adapt = 0, quiet = TRUE)
)
drawing <- processor_seconds({
  adapt(model, warm_up %/% 2, progress.bar = "none")
  update(model, warm_up - warm_up %/% 2, progress.bar = "none")
  found <- coda.samples(model, c("w", "mu", "Sigma"), n.iter = draws, progress.bar = "none")
})
write_table("draws", do.call(rbind, lapply(found, function(chain) chain[, names])))
write_table("seconds", cbind(compiling, drawing))
