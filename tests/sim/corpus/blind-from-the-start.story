# Nobody had been served by the candidate yet when the counters became unreadable, and so nobody noticed that evidence
# was missing: the next step was taken.
{"seed":665,"deeds":[],"fault_seconds":80.0,"rps":400.0,"lease_seconds":5.0}
{"do":"deploy","at":16.551,"shape":{"label":"v2","replicas":1,"weights":[10.0,50.0],"hold":1.0,"judged":false,"wait":2.0,"check":true,"bake":0.0,"delay":4.0,"surge":0,"unavailable":1,"floor":1.0,"judge":"threshold","deadline":10.0,"on_deadline":"report","on_insufficient":"hold","nature":{"ready_seconds":[2.0,8.0],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"failing_check":true}}
{"do":"spoil","at":31.627,"point":"route","fate":"lost"}
{"do":"ask","at":32.424,"verb":"retry"}
{"do":"deploy","at":32.794,"shape":{"label":"v7","replicas":6,"weights":[1.0,99.0],"hold":3.0,"judged":false,"wait":0.0,"check":true,"bake":2.0,"delay":4.0,"dynamic":true,"unavailable":1,"floor":1.0,"deadline":20.0,"on_inconclusive":"promote","on_insufficient":"pass","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"refuse","at":33.331,"seconds":0.927}
{"do":"waver","at":35.923,"side":"stable","seconds":4.509,"count":6}
{"do":"outage","at":38.4,"part":"metrics","seconds":5.846054845425433}
